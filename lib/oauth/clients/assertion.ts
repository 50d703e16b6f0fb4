import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose'
import { hashToken } from '../../crypto/hash.ts'
import type { Client, ClientKeys } from '../../model/client.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { InvalidClientError } from '../errors.ts'

/** The algorithms of an assertion (RFC 7518 §3.1, RFC 8037): signatures with a private key, no shared secrets. */
// biome-ignore format: one line
export const ASSERTION_ALGORITHMS = [
  'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA',
]

const MAX_LIFETIME_SECONDS = 600

/** How far the client's clock may differ from ours. */
const CLOCK_SKEW_SECONDS = 30

export interface AssertionContext extends Pick<AuthorizationServer, 'cimd' | 'endpoints' | 'store'> {
  /** The address range of the request. */
  requester: string
}

/**
 * RFC 7523 §3: the client signed the assertion about itself, for this server, for ten minutes at most, and it was not
 * used before. Throws `InvalidClientError`, and transient errors if the store or the client's key set is unavailable.
 */
export async function assertValidAssertion(
  assertion: string,
  keys: ClientKeys,
  client: Client,
  context: AssertionContext,
): Promise<void> {
  const { exp, jti } = await verifyAssertion(assertion, keys, client, context)
  const now = Math.floor(Date.now() / 1000)
  if (exp === undefined || exp > now + MAX_LIFETIME_SECONDS + CLOCK_SKEW_SECONDS) {
    throw new InvalidClientError('The client assertion must expire within ten minutes.')
  }
  const ttlMs = Math.ceil((exp + CLOCK_SKEW_SECONDS + 1 - now) * 1000)
  if (!(await context.store.spendAssertion(hashToken(JSON.stringify([client.id, jti])), ttlMs))) {
    throw new InvalidClientError('The client assertion was used before.')
  }
}

async function verifyAssertion(
  assertion: string,
  keys: ClientKeys,
  client: Client,
  { cimd, endpoints, requester }: AssertionContext,
): Promise<JWTPayload> {
  const verifyWith = (jwks: JSONWebKeySet) => verifySignature(assertion, jwks, client, endpoints)
  if ('jwks' in keys) return verifyWith(keys.jwks).catch(throwInvalidClient)
  try {
    return await verifyWith(await cimd.readKeys(keys.jwksUri, requester))
  } catch (error) {
    if (!(error instanceof errors.JWKSNoMatchingKey)) return throwInvalidClient(error)
    // The client may have changed its keys since.
    return verifyWith(await cimd.refreshKeys(keys.jwksUri, requester)).catch(throwInvalidClient)
  }
}

async function verifySignature(
  assertion: string,
  jwks: JSONWebKeySet,
  client: Client,
  endpoints: AuthorizationServer['endpoints'],
): Promise<JWTPayload> {
  const { payload } = await jwtVerify(assertion, createLocalJWKSet(jwks), {
    algorithms: ASSERTION_ALGORITHMS,
    issuer: client.id,
    subject: client.id,
    audience: endpoints.issuer,
    requiredClaims: ['exp', 'jti'],
    clockTolerance: CLOCK_SKEW_SECONDS,
  })
  assertSingleAudience(payload)
  return payload
}

/**
 * The issuer is the only audience, as a text: an assertion that another server also accepts could have been obtained by
 * that server (CVE-2025-27370, CVE-2025-27371, draft-ietf-oauth-rfc7523bis).
 */
function assertSingleAudience(payload: JWTPayload): void {
  if (typeof payload.aud !== 'string') {
    throw new errors.JWTClaimValidationFailed('aud must be one text', payload, 'aud', 'check_failed')
  }
}

/** Names the wrong claim, and of a wrong signature nothing but that it is wrong. */
function throwInvalidClient(cause: unknown): never {
  if (!(cause instanceof errors.JOSEError)) throw cause
  const isClaim = cause instanceof errors.JWTClaimValidationFailed || cause instanceof errors.JWTExpired
  const sentence = isClaim
    ? `The ${cause.claim} of the client assertion is wrong.`
    : 'The client assertion is not signed by the client.'
  throw new InvalidClientError(sentence, { cause })
}
