/** The notes of a release, out of CHANGELOG.md: `node deploy/release/notes.ts <version>` prints them. */
import { readFileSync } from 'node:fs'

const CHANGELOG = new URL('../../CHANGELOG.md', import.meta.url)

/**
 * The text of one version's section, as Markdown without its heading. Headings are `## <version>`, with a date after
 * ` - ` where there is one. Throws an `Error` if the section is missing or empty.
 */
export function readNotes(changelog: string, version: string): string {
  const sections = changelog.split(/^## /m).slice(1)
  const section = sections.find((text) => text.split(/\s/, 1)[0] === version)
  const notes = section?.slice(section.indexOf('\n')).trim()
  if (!notes) throw new Error(`CHANGELOG.md has no notes of version ${version}.`)
  return notes
}

/** The versions of CHANGELOG.md, in its order; what is unreleased has none. */
export function listVersions(changelog: string): string[] {
  return [...changelog.matchAll(/^## (\d\S*)/gm)].map(([, version = '']) => version)
}

if (import.meta.main) {
  const [version = ''] = process.argv.slice(2)
  process.stdout.write(`${readNotes(readFileSync(CHANGELOG, 'utf8'), version)}\n`)
}
