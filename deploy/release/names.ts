/**
 * What a release is called: `node deploy/release/names.ts >> "$GITHUB_OUTPUT"` in the workflow, where `IMAGE` is the
 * one variable from which every other name follows. Run at the commit that is released, with all tags fetched.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

export interface ReleaseNames {
  /** `ghcr.io/<owner>/<name>`, in lower case as registries want it. */
  image: string
  /** Where the chart is pushed, without its name: `ghcr.io/<owner>/charts`. */
  charts: string
  /** The name in the MCP registry, which gives a workflow the namespace of its repository's owner. */
  serverName: string
  /** The version of package.json; `-edge` follows for a build of the main branch. */
  version: string
  /** The tags of the image, the most specific one first. */
  tags: string[]
}

export interface ReleaseSource {
  /** Such as `ghcr.io/Example/sentry-mcp-self-hosted`. */
  image: string
  /** The owner of the repository, as GitHub writes it. */
  owner: string
  /** `refs/tags/v0.1.0` or `refs/heads/main`. */
  ref: string
  /** The version of package.json. */
  version: string
  /** All tags of the repository, the pushed one among them. */
  gitTags: readonly string[]
}

const IMAGE_PATTERN = /^([a-z0-9.-]+(?::\d+)?)\/([a-z0-9._-]+)\/([a-z0-9._-]+)$/
const VERSION_PATTERN = /^(\d+)\.(\d+)\.(\d+)(-[0-9A-Za-z.-]+)?$/

/**
 * The names of a release, or of a build of the main branch. A version moves `latest`, `edge` and the tags of its
 * line only if no newer one was released, so that a fix for an older line takes nothing back; a pre-release moves
 * none of them. Throws an `Error` if the tag is not the version of package.json, or a name cannot be used.
 */
export function nameRelease({ image, owner, ref, version, gitTags }: ReleaseSource): ReleaseNames {
  const parts = IMAGE_PATTERN.exec(image.toLowerCase())
  if (parts === null) throw new Error(`IMAGE is "${image}"; it should be <registry>/<owner>/<name>.`)
  const [name, registry, folder, last] = parts
  const names = {
    image: name,
    charts: `${registry}/${folder}/charts`,
    serverName: `io.github.${owner}/${last}`,
  }
  if (!ref.startsWith('refs/tags/')) return { ...names, version: `${version}-edge`, tags: ['edge'] }
  if (ref !== `refs/tags/v${version}`)
    throw new Error(
      `The tag is ${ref.slice('refs/tags/'.length)}, but the version of package.json is ${version}.`,
    )
  return { ...names, version, tags: listTags(version, gitTags) }
}

function listTags(version: string, gitTags: readonly string[]): string[] {
  const [, major = '', minor = '', , preRelease] = VERSION_PATTERN.exec(version) ?? []
  if (preRelease !== undefined) return [version]
  const released = gitTags.filter((tag) => /^v\d+\.\d+\.\d+$/.test(tag)).map((tag) => tag.slice(1))
  const isNewest = (line: string) =>
    released.filter((other) => other.startsWith(line)).every((other) => compareVersions(other, version) <= 0)
  const moved = [
    isNewest(`${major}.${minor}.`) ? [`${major}.${minor}`] : [],
    isNewest(`${major}.`) ? [major] : [],
    isNewest('') ? ['latest', 'edge'] : [],
  ]
  return [version, ...moved.flat()]
}

function compareVersions(one: string, other: string): number {
  const [left, right] = [one, other].map((version) => version.split('.').map(Number))
  const difference = left?.map((part, index) => part - (right?.[index] ?? 0)).find((part) => part !== 0)
  return difference ?? 0
}

if (import.meta.main) {
  const { IMAGE = '', GITHUB_REPOSITORY_OWNER = '', GITHUB_REF = '' } = process.env
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  const gitTags = execFileSync('git', ['tag', '--list', 'v*'], { encoding: 'utf8' }).split('\n')
  const names = nameRelease({
    image: IMAGE,
    owner: GITHUB_REPOSITORY_OWNER,
    ref: GITHUB_REF,
    version,
    gitTags,
  })
  const output = {
    image: names.image,
    charts: names.charts,
    'server-name': names.serverName,
    version: names.version,
    // One line: docker/build-push-action takes a list with commas.
    tags: names.tags.map((tag) => `${names.image}:${tag}`).join(','),
  }
  for (const [key, value] of Object.entries(output)) process.stdout.write(`${key}=${value}\n`)
}
