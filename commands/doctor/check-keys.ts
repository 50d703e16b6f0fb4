import type { Config } from '../../lib/config/load.ts'
import { createReport, type Finding } from './report.ts'

type KeySettings = Pick<Config, 'ENCRYPTION_KEY' | 'JWT_SIGNING_KEY'>

const NEW_KEY = 'Generate one with: openssl rand -base64 32'

/** What people and documents put where a key belongs. */
const PLACEHOLDER = /change.?me|replace.?me|example|placeholder|password|secret.?key|your.?key|123456|abcdef/i

/** The least that a key must be worth, in bits. */
const MIN_ENTROPY = 80

/** Whether the keys are ones that nobody can guess, and not the same. Their length is checked with the settings. */
export function checkKeys(settings: KeySettings): Finding[] {
  const report = createReport('keys')
  for (const name of ['ENCRYPTION_KEY', 'JWT_SIGNING_KEY'] as const) {
    const keys = settings[name]
    for (const [index, key] of keys.entries()) {
      const which = keys.length === 1 ? name : `${name}, key ${index + 1} of ${keys.length},`
      const weakness = findWeakness(key)
      if (weakness !== undefined) report.error(`${which} can be guessed: it ${weakness}.`, NEW_KEY)
    }
  }
  if (settings.ENCRYPTION_KEY.some((key) => settings.JWT_SIGNING_KEY.includes(key))) {
    report.warning(
      'ENCRYPTION_KEY and JWT_SIGNING_KEY share a key: whoever gets hold of one has both.',
      `Give each its own. ${NEW_KEY}`,
    )
  }
  if (report.findings.length === 0) report.ok('ENCRYPTION_KEY and JWT_SIGNING_KEY look random and differ.')
  return report.findings
}

/** Why a key is weak, completing "it …"; undefined for one that looks random. */
function findWeakness(key: string): string | undefined {
  if (PLACEHOLDER.test(key)) return 'looks like a placeholder'
  if (/^(.+?)\1+$/.test(key)) return 'repeats itself'
  if (estimateEntropy(key) < MIN_ENTROPY) return 'has too few different characters'
  return undefined
}

/** Shannon's measure over the characters of the text, in bits: generous, but blind to no monotony. */
function estimateEntropy(text: string): number {
  const counts = Map.groupBy(text, (character) => character)
  const shares = [...counts.values()].map(({ length }) => length / text.length)
  return text.length * shares.reduce((sum, share) => sum - share * Math.log2(share), 0)
}
