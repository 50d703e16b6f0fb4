import { VERSION } from '../../config/version.ts'
import table from './former-names.json' with { type: 'json' }

/** A tool that an update of mcp-core renamed. `npm run upstream -- <version> --write` adds such entries. */
export interface FormerName {
  former: string
  successor: string
  /** The first version of this server that has the successor. */
  since: string
}

/** Former names and their successors. */
export type FormerNames = ReadonlyMap<string, string>

/**
 * The former names that are understood in `version`: those of its own line, `0.2.*` for 0.2.3. A former name holds for
 * one release, in which operators and clients find the new one.
 */
export function selectFormerNames(entries: readonly FormerName[], version: string): FormerNames {
  const line = readReleaseLine(version)
  const current = entries.filter(({ since }) => readReleaseLine(since) === line)
  return new Map(current.map(({ former, successor }) => [former, successor]))
}

/** Those of this version. */
export const FORMER_NAMES: FormerNames = selectFormerNames(table, VERSION)

/**
 * The name of today of a tool that a setting or a call names. A name that a tool has is returned as it is, even if it
 * was once another tool's; so is a name that no tool has or had.
 */
export function findCurrentName(
  name: string,
  tools: { has(name: string): boolean },
  formerNames: FormerNames,
): string {
  const seen = new Set<string>()
  let current = name
  // A tool may have been renamed twice within one release.
  while (!tools.has(current) && !seen.has(current)) {
    seen.add(current)
    current = formerNames.get(current) ?? current
  }
  return tools.has(current) ? current : name
}

/** The line of releases that a version belongs to: `0.2` for 0.2.3. */
export function readReleaseLine(version: string): string {
  return version.split('.', 2).join('.')
}
