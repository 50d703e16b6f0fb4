import type { FastifyBaseLogger } from 'fastify'
import { createToken } from '../crypto/hash.ts'
import { type SentryOAuth, UpstreamRefusedError } from './oauth.ts'
import { UpstreamUnavailableError } from './request.ts'

/** What Sentry's token endpoint makes of our OAuth application. */
export type ApplicationCheck =
  | { outcome: 'accepted' }
  /** Sentry does not accept the client id with the client secret. */
  | { outcome: 'refused'; code: string }
  | { outcome: 'unavailable'; error: UpstreamUnavailableError }
  /** It refuses an invalid code with an unexpected OAuth error, or even accepts it: no Sentry that we know. */
  | { outcome: 'unexpected'; code: string | undefined }

/** The errors with which the releases of Sentry refuse a client. */
const CLIENT_ERRORS = ['invalid_client', 'unauthorized_client', 'invalid_credentials']

/**
 * Checks client id and secret without a user: Sentry authenticates the client before it looks at the code (RFC 6749 §5.2),
 * so an invalid code is refused as such only to a client that is right. Nothing is created at Sentry.
 */
export async function checkApplication(sentry: Pick<SentryOAuth, 'exchangeCode'>): Promise<ApplicationCheck> {
  try {
    await sentry.exchangeCode(createToken(), createToken())
    return { outcome: 'unexpected', code: undefined }
  } catch (error) {
    if (error instanceof UpstreamUnavailableError) return { outcome: 'unavailable', error }
    if (!(error instanceof UpstreamRefusedError)) throw error
    const { code } = error
    if (code === 'invalid_grant') return { outcome: 'accepted' }
    return { outcome: CLIENT_ERRORS.includes(code) ? 'refused' : 'unexpected', code }
  }
}

/** Warns once where users could not sign in at Sentry. Never rejects. */
export async function warnAboutApplication(
  sentry: Pick<SentryOAuth, 'exchangeCode'>,
  log: Pick<FastifyBaseLogger, 'warn'>,
): Promise<void> {
  const check = await checkApplication(sentry).catch(
    (error: Error) => ({ outcome: 'unavailable', error }) as const,
  )
  if (check.outcome === 'accepted') return
  if (check.outcome === 'unavailable') {
    log.warn(
      { reason: findReason(check.error) },
      'Sentry does not respond, so users cannot sign in; npm run doctor says more',
    )
  } else if (check.outcome === 'refused') log.warn({ code: check.code }, APPLICATION_REFUSED)
  else log.warn({ code: check.code }, 'SENTRY_HOST does not respond as Sentry does; npm run doctor says more')
}

/** For the log: the operator has to act, and until then no user can sign in and no token is renewed. */
export const APPLICATION_REFUSED =
  'Sentry does not accept our OAuth application; check SENTRY_CLIENT_ID and SENTRY_CLIENT_SECRET'

/** The message of the innermost error; where a name has several addresses, that of the first. */
function findReason(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return findReason(error.errors[0])
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : findReason(error.cause)
}
