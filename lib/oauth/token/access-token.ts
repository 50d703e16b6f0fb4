import { errors } from 'jose'
import Type, { type Static } from 'typebox'
import Compile from 'typebox/compile'
import { createToken } from '../../crypto/hash.ts'
import type { Signer } from '../../crypto/signer.ts'
import { formatScope } from '../../model/scope.ts'

/** RFC 9068 §2.1. */
const JWT_TYPE = 'at+jwt'

const ClaimsSchema = Type.Object({
  aud: Type.String(),
  sub: Type.String(),
  client_id: Type.String(),
  scope: Type.String(),
  gid: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
  jti: Type.String(),
  iat: Type.Number(),
  exp: Type.Number(),
})

const Claims = Compile(ClaimsSchema)

/** The claims of an access token (RFC 9068 §2.2) and `gid`, the grant it speaks for. */
export type AccessTokenClaims = Static<typeof ClaimsSchema>

/** Why a token is refused, in the words an operator finds in the troubleshooting table. */
export class InvalidTokenError extends Error {
  override readonly name = 'InvalidTokenError'
}

export interface AccessTokenSubject {
  grantId: string
  clientId: string
  subject: string
  /** The resource, which becomes the audience. */
  resource: string
  scope: readonly string[]
}

/** Issues an access token that holds for `ttl` seconds. */
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
      scope: formatScope(subject.scope),
      gid: subject.grantId,
      jti: createToken(),
      iat: issuedAt,
      exp: issuedAt + ttl,
    },
    JWT_TYPE,
  )
}

/**
 * The claims of an access token of ours that has not ended (RFC 9068 §4). Whether its audience is the resource
 * asked for and its grant still stands is for the caller to see. Throws `InvalidTokenError`.
 */
export async function verifyAccessToken(
  token: string,
  { issuer, signer }: { issuer: string; signer: Signer },
): Promise<AccessTokenClaims> {
  try {
    return Claims.Parse(await signer.verifyJwt(token, { type: JWT_TYPE, issuer }))
  } catch (cause) {
    const sentence = cause instanceof errors.JWTExpired ? 'Token expired' : 'Invalid token'
    throw new InvalidTokenError(sentence, { cause })
  }
}
