import type { Metrics, RenewalOutcome } from '../telemetry/metrics.ts'
import { type SentryOAuth, UpstreamRefusedError } from './oauth.ts'

/** The same application at Sentry, its renewals counted by how they end. */
export function countRenewals(sentry: SentryOAuth, metrics: Pick<Metrics, 'recordRenewal'>): SentryOAuth {
  const refresh: SentryOAuth['refresh'] = async (refreshToken) => {
    try {
      const tokens = await sentry.refresh(refreshToken)
      metrics.recordRenewal('renewed')
      return tokens
    } catch (error) {
      metrics.recordRenewal(findOutcome(error))
      throw error
    }
  }
  return { ...sentry, refresh }
}

/** Whatever else than the token Sentry refuses, it is our application that it does not accept. */
function findOutcome(error: unknown): RenewalOutcome {
  if (!(error instanceof UpstreamRefusedError)) return 'unavailable'
  return error.code === 'invalid_grant' ? 'refused' : 'misconfigured'
}
