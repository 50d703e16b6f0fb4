import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose'
import { hashToken } from '../../crypto/hash.ts'
import type { Client, ClientKeys } from '../../model/client.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { InvalidClientError } from '../errors.ts'

/** The algorithms of an assertion (RFC 7518 §3.1, RFC 8037): signatures with a private key, nothing shared. */
export const ASSERTION_ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'],
]

/** How far ahead the end of an assertion may be, in seconds. */
const LONGEST = 600

/** Seconds by which the client's clock may differ from ours. */
const CLOCK_SKEW = 30

/**
 * RFC 7523 §3: the assertion is signed by the client, about itself, for this server, for ten minutes at the most,
 * and was never used before. Throws `InvalidClientError`, or what the store and the client's key set throw when
 * they are away.
 */
export async function checkAssertion(
  assertion: string,
  keys: ClientKeys,
  client: Client,
  server: AuthorizationServer,
): Promise<void> {
  const { exp, jti } = await verify(assertion, keys, client, server)
  const now = Math.floor(Date.now() / 1000)
  if (exp === undefined || exp > now + LONGEST + CLOCK_SKEW) {
    throw new InvalidClientError('The client assertion must end within ten minutes.')
  }
  const ttl = (exp + CLOCK_SKEW + 1 - now) * 1000
  if (!(await server.store.spendAssertion(hashToken(JSON.stringify([client.id, jti])), Math.ceil(ttl)))) {
    throw new InvalidClientError('The client assertion was used before.')
  }
}

async function verify(
  assertion: string,
  keys: ClientKeys,
  client: Client,
  server: AuthorizationServer,
): Promise<JWTPayload> {
  const { clientDocuments } = server
  if ('jwks' in keys) return verifyWith(keys.jwks, assertion, client, server).catch(refuse)
  try {
    return await verifyWith(await clientDocuments.readKeys(keys.jwksUri), assertion, client, server)
  } catch (error) {
    if (!(error instanceof errors.JWKSNoMatchingKey)) return refuse(error)
    // The client may have changed its keys since.
    const latest = await clientDocuments.readKeysAnew(keys.jwksUri)
    return verifyWith(latest, assertion, client, server).catch(refuse)
  }
}

async function verifyWith(
  jwks: JSONWebKeySet,
  assertion: string,
  client: Client,
  { endpoints }: AuthorizationServer,
): Promise<JWTPayload> {
  const { payload } = await jwtVerify(assertion, createLocalJWKSet(jwks), {
    algorithms: ASSERTION_ALGORITHMS,
    issuer: client.id,
    subject: client.id,
    audience: [endpoints.issuer, endpoints.token],
    requiredClaims: ['exp', 'jti'],
    clockTolerance: CLOCK_SKEW,
  })
  return payload
}

/** Says which claim is not right, and of the signature no more than that it is none. */
function refuse(cause: unknown): never {
  if (!(cause instanceof errors.JOSEError)) throw cause
  const isClaim = cause instanceof errors.JWTClaimValidationFailed || cause instanceof errors.JWTExpired
  const sentence = isClaim
    ? `The ${cause.claim} of the client assertion is not right.`
    : 'The client assertion is not signed by the client.'
  throw new InvalidClientError(sentence, { cause })
}
