import { reportCertificate } from './certificate.ts'
import { checkSentryOAuth, type SentryCheckSettings } from './check-sentry-oauth.ts'
import { type Answer, findForeignRedirect, ProbeError, probe } from './probe.ts'
import { createReport, type Finding } from './report.ts'

/** How far two clocks may be apart, in ms. */
const MAX_SKEW = 30_000

/** Whether Sentry is there, is what the settings say, and accepts this server as its OAuth application. */
export async function checkSentry(settings: SentryCheckSettings): Promise<Finding[]> {
  const report = createReport('sentry')
  const origin = new URL(`${settings.SENTRY_PROTOCOL}://${settings.SENTRY_HOST}`).origin
  let answer: Answer
  try {
    // What Sentry's own pages read before anybody has signed in.
    answer = await probe(`${origin}/api/client-config/`)
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error
    report.error(`${origin} cannot be reached: ${error.failure.reason}.`, error.failure.advice)
    return [...report.findings, ...skip()]
  }

  const elsewhere = findForeignRedirect(answer, origin)
  if (elsewhere !== undefined) {
    report.error(
      `${origin} redirects to ${elsewhere.origin}.`,
      `If that is your Sentry: SENTRY_HOST=${elsewhere.host} and SENTRY_PROTOCOL=${elsewhere.protocol.slice(0, -1)}.`,
    )
    return [...report.findings, ...skip()]
  }
  if (answer.status >= 500) {
    report.error(`${origin} answers ${answer.status}.`, 'See whether Sentry itself is well, and its own log.')
    return [...report.findings, ...skip()]
  }
  report.ok(`${describeRelease(answer)} answers at ${origin}.`)
  await reportCertificate(origin, report)
  return [...report.findings, ...checkClock(answer), ...(await checkSentryOAuth(settings))]
}

function skip(): Finding[] {
  return ['clock', 'sentry-oauth'].map((check) => ({
    check,
    status: 'skipped',
    finding: 'Sentry has to be reached first.',
  }))
}

function describeRelease({ json }: Answer): string {
  const version = (json?.version as { current?: unknown } | undefined)?.current
  if (typeof version !== 'string' || !/^[\w.+-]{1,40}$/.test(version))
    return 'A server that does not tell its version'
  return `Sentry ${version}`
}

function checkClock({ headers, at }: Answer): Finding[] {
  const report = createReport('clock')
  const skew = at - Date.parse(headers.get('date') ?? '')
  const seconds = Math.round(Math.abs(skew) / 1000)
  if (Number.isNaN(skew)) report.skipped('Sentry does not say what time it is.')
  else if (Math.abs(skew) > MAX_SKEW) {
    report.warning(
      `The clock of this machine is ${seconds} s ${skew > 0 ? 'ahead of' : 'behind'} Sentry's.`,
      'Let NTP set it, on every machine that runs an instance: tokens are judged by it.',
    )
  } else {
    report.ok(`The clocks of this machine and of Sentry are ${seconds} s apart.`)
  }
  return report.findings
}
