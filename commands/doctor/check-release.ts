import { isBefore } from '../../lib/upstream/compatibility/release.ts'
import {
  listToolsMissingAt,
  SHORTCOMINGS,
  type Shortcoming,
} from '../../lib/upstream/compatibility/shortcomings.ts'
import type { Report } from './report.ts'

/** The first release at which the main tools work, by detours where it must be. */
const OLDEST_RELEASE = '24.8.0'

/** Reports what a release of self-hosted Sentry does not have, and what has to be switched on in sentry.conf.py. */
export function reportRelease(release: string, report: Report): void {
  if (isBefore(release, OLDEST_RELEASE)) {
    report.warning(
      `Sentry ${release} is older than ${OLDEST_RELEASE}, the first release at which the main tools work.`,
      'Update Sentry.',
    )
  }
  const missing = SHORTCOMINGS.filter(({ since }) => since === undefined || isBefore(release, since))
  report.ok(
    `Sentry ${release} does not have ${missing.map(describe).join(', ')}. Tools that need them say so.`,
  )
  const hidden = [...listToolsMissingAt(release)]
  if (hidden.length > 0) report.ok(`Not offered at this release: ${hidden.join(', ')}.`)
  const switches = SHORTCOMINGS.filter(({ since, feature }) => feature && since && !isBefore(release, since))
  if (switches.length === 0) return
  const lines = switches.map(
    ({ name, feature }) => `SENTRY_FEATURES["organizations:${feature}"] = True (${name})`,
  )
  report.ok(
    `An upgrade keeps the former sentry.conf.py, so it may lack these lines: ${lines.join(', ')}. Add them and restart Sentry; doctor --tools finds out what is off.`,
  )
}

function describe({ name, since }: Shortcoming): string {
  return since === undefined ? name : `${name} (${since})`
}
