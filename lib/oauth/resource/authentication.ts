import type { Caller } from '../../model/caller.ts'
import type { SentryApi } from '../../upstream/api.ts'
import type { SentryLocation } from '../../upstream/location.ts'
import { authenticateBearer, type BearerOptions, type LimitUser, readBearerToken } from './bearer.ts'
import { type ConstraintSettings, createConstraintResolver } from './constraints.ts'
import {
  createSentryBearerAuthentication,
  readSentryToken,
  type SentryBearerOptions,
  type SentryBearerRequest,
} from './sentry-bearer.ts'

export interface ResourceRequest extends SentryBearerRequest {
  /** The value of the Authorization header. */
  authorization: string | undefined
  limitUser: LimitUser
}

export interface AuthenticationOptions extends Omit<BearerOptions, 'settings'> {
  settings: BearerOptions['settings'] &
    SentryBearerOptions['settings'] &
    ConstraintSettings & {
      /** Accept tokens of Sentry (`Sentry-Bearer`). */
      SENTRY_TOKEN_PASSTHROUGH: boolean
    }
  sentry: SentryLocation
  sentryApi: SentryApi
  audit: SentryBearerOptions['audit']
}

/**
 * Authenticates the requests to protected resources: by an access token of ours or, if the operator allows it, by a token
 * of Sentry, and counts their requests. The caller has the constraints of the resource. The result throws what `authenticateBearer`,
 * `SentryBearerAuthentication` and `ConstraintResolver` throw.
 */
export function createAuthentication(
  options: AuthenticationOptions,
): (request: ResourceRequest) => Promise<Caller> {
  const { settings, store, sentry, sentryApi, audit } = options
  const constraints = createConstraintResolver(sentryApi, settings, sentry.isCloud)
  const sentryBearer = settings.SENTRY_TOKEN_PASSTHROUGH
    ? createSentryBearerAuthentication({ settings, store, sentryApi, audit })
    : undefined

  async function identify(request: ResourceRequest): Promise<Caller> {
    const { authorization } = request
    const sentryToken = sentryBearer && readSentryToken(authorization)
    if (sentryBearer === undefined || sentryToken === undefined) {
      return authenticateBearer(readBearerToken(authorization), request, options)
    }
    const caller = await sentryBearer.authenticate(sentryToken, request)
    await request.limitUser(caller.subject)
    return caller
  }

  return async (request) => {
    const caller = await identify(request)
    return { ...caller, constraints: await constraints.resolve(request.resource, caller) }
  }
}
