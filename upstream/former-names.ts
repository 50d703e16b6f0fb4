import { type FormerName, readReleaseLine } from '../lib/mcp/tools/former-names.ts'
import type { Renaming } from './compare.ts'

/**
 * The table of former names after an update: without the entries that have expired, which are those of lines before
 * that of `version`, and with the new renamings, which hold from `since`. A renaming that is in the table stays.
 */
export function updateFormerNames(
  table: readonly FormerName[],
  renamed: readonly Renaming[],
  { since, version }: { since: string; version: string },
): FormerName[] {
  const current = table.filter((entry) => compareLines(entry.since, version) >= 0)
  const known = new Set(current.map(({ former, successor }) => `${former} ${successor}`))
  const added = renamed.filter(({ former, successor }) => !known.has(`${former} ${successor}`))
  return [...current, ...added.map((renaming) => ({ ...renaming, since }))]
}

/** Below 0 if `one` is of an older line of releases than `other`. */
function compareLines(one: string, other: string): number {
  const [major = 0, minor = 0] = readReleaseLine(one).split('.').map(Number)
  const [otherMajor = 0, otherMinor = 0] = readReleaseLine(other).split('.').map(Number)
  return major - otherMajor || minor - otherMinor
}
