import { randomBytes } from 'node:crypto'
import { errors } from 'jose'
import Type, { type Static } from 'typebox'
import Compile from 'typebox/compile'
import type { Signer } from '../../crypto/signer.ts'
import { formatScope } from '../../model/scope.ts'

/** RFC 9068 §2.1. */
const JWT_TYPE = 'at+jwt'

const ClaimsSchema = Type.Object({
  aud: Type.String(),
  sub: Type.String(),
  client_id: Type.String(),
  /** Only if it is narrower than that of the grant. */
  scope: Type.Optional(Type.String()),
  /** The id of the grant, and one for the token among those of the grant. */
  jti: Type.String(),
  iat: Type.Number(),
  exp: Type.Number(),
})

const Claims = Compile(ClaimsSchema)

const TOKEN_ID = /^[\w-]{16}\.[\w-]{8}$/

/** The claims of an access token (RFC 9068 §2.2). */
export type AccessTokenClaims = Static<typeof ClaimsSchema>

/** An access token is refused. The message is public, and stands in the troubleshooting table. */
export class InvalidTokenError extends Error {
  override readonly name = 'InvalidTokenError'
}

export interface AccessTokenSubject {
  grantId: string
  clientId: string
  subject: string
  /** The URL of the resource, which becomes the audience. */
  resource: string
  /** Undefined for the whole scope of the grant. */
  scope: readonly string[] | undefined
}

/** Issues an access token that expires after `ttl` seconds. */
export function issueAccessToken(
  subject: AccessTokenSubject,
  { issuer, ttl, signer }: { issuer: string; ttl: number; signer: Signer },
): Promise<string> {
  const issuedAt = Math.floor(Date.now() / 1000)
  return signer.signJwt(
    {
      iss: issuer,
      aud: subject.resource,
      sub: subject.subject,
      client_id: subject.clientId,
      ...(subject.scope !== undefined && { scope: formatScope(subject.scope) }),
      jti: `${subject.grantId}.${randomBytes(6).toString('base64url')}`,
      iat: issuedAt,
      exp: issuedAt + ttl,
    },
    JWT_TYPE,
  )
}

/** The id of the grant of an access token. */
export function readGrantId({ jti }: Pick<AccessTokenClaims, 'jti'>): string {
  return jti.slice(0, jti.indexOf('.'))
}

/**
 * The claims of an access token that this server issued and that has not expired (RFC 9068 §4). The caller verifies
 * the audience and the grant. Throws `InvalidTokenError`.
 */
export async function verifyAccessToken(
  token: string,
  { issuer, signer }: { issuer: string; signer: Signer },
): Promise<AccessTokenClaims> {
  try {
    const claims = Claims.Parse(await signer.verifyJwt(token, { type: JWT_TYPE, issuer }))
    if (!TOKEN_ID.test(claims.jti)) throw new TypeError('The token names no grant.')
    return claims
  } catch (cause) {
    const sentence = cause instanceof errors.JWTExpired ? 'Token expired' : 'Invalid token'
    throw new InvalidTokenError(sentence, { cause })
  }
}
