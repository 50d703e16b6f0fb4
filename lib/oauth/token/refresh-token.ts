import { hkdfSync, randomBytes } from 'node:crypto'
import Type from 'typebox'
import Compile from 'typebox/compile'
import { decrypt, encrypt } from '../../crypto/aes-gcm.ts'
import { hashToken } from '../../crypto/hash.ts'
import type { Signer } from '../../crypto/signer.ts'
import type { Client } from '../../model/client.ts'
import { parseScope } from '../../model/scope.ts'
import type { GrantRecord, RotationOutcome } from '../../store/store.ts'
import type { AuditSource } from '../../telemetry/audit.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { InvalidGrantError, InvalidScopeError, InvalidTargetError } from '../errors.ts'
import { readParameter, requireParameter } from '../parameters.ts'
import { onGrantRevoked } from './grant.ts'
import {
  createTokenResponse,
  isActiveGrant,
  readRequestedResource,
  type TokenForm,
  type TokenResponse,
} from './request.ts'

const MAC_LENGTH = 28

/** How often one token is repeated by a client that lost a response, or by two processes of it, at most. */
const SUSPICIOUS_REPEATS = 3

const RefreshFormSchema = Type.Object({
  grant_type: Type.Literal('refresh_token'),
  refresh_token: Type.String(),
})

const RefreshForm = Compile(RefreshFormSchema)

/**
 * Issues a refresh token for a grant: opaque, 128 random bits and a MAC of 128 bits, which together cannot be guessed
 * (RFC 6749 §10.10). The MAC tells an old token, whose use ends the grant (RFC 9700 §4.14.2), from a forged one, which
 * must end nothing.
 */
export function issueRefreshToken(grantId: string, signer: Signer): string {
  const body = `${grantId}.${randomBytes(16).toString('base64url')}`
  return `rt1.${body}.${signer.createMac('refresh-token', body)}`
}

/** The id of the grant of a refresh token. Undefined if this server did not issue the token. */
export function readRefreshToken(token: string, signer: Signer): string | undefined {
  const [version, grantId, random, mac, ...rest] = token.split('.')
  if (version !== 'rt1' || grantId === undefined || random === undefined) return undefined
  if (mac?.length !== MAC_LENGTH || rest.length > 0) return undefined
  return signer.verifyMac('refresh-token', `${grantId}.${random}`, mac) ? grantId : undefined
}

/** The id of the grant that a token request refreshes. Undefined for any other body. */
export function readRefreshedGrant(body: unknown, signer: Signer): string | undefined {
  return RefreshForm.Check(body) ? readRefreshToken(body.refresh_token, signer) : undefined
}

/**
 * Seals the successor of a refresh token under a key derived from its predecessor: parallel refreshes with one token
 * all receive the same successor, and the store never holds it in clear.
 */
export function sealSuccessor(successor: string, predecessor: string): string {
  return encrypt(successor, deriveSuccessorKey(predecessor), '')
}

/** Opens what `sealSuccessor` sealed with the same predecessor. Throws for any other. */
export function openSuccessor(sealedSuccessor: string, predecessor: string): string {
  return decrypt(sealedSuccessor, deriveSuccessorKey(predecessor), '')
}

function deriveSuccessorKey(predecessor: string): Buffer {
  return Buffer.from(hkdfSync('sha256', predecessor, 'sentry-mcp', 'refresh-token successor', 32))
}

/**
 * The refresh token grant (RFC 6749 §6, RFC 9700 §4.14.2). Sentry's token is renewed before the refresh token is
 * rotated, so an outage costs nothing. Throws an `OAuthError`, `SignInRequiredError` or a transient error.
 */
export async function redeemRefreshToken(
  form: TokenForm,
  client: Client,
  server: AuthorizationServer,
  source: AuditSource,
): Promise<TokenResponse> {
  const { store, signer, settings } = server
  const presented = requireParameter('refresh_token', form.refresh_token)
  const grantId = readRefreshToken(presented, signer)
  const grant = grantId === undefined ? undefined : await store.readGrant(grantId)
  if (!isActiveGrant(grant, client)) throw createInvalidTokenError()
  assertGrantedResource(readRequestedResource(form, server), grant)
  const scope = parseGrantedScope(form, grant)
  await server.sentryTokens.getAccessToken(grant, 2 * settings.ACCESS_TOKEN_TTL * 1000)

  const next = issueRefreshToken(grant.id, signer)
  const outcome = await store.rotateRefreshToken(grant.id, {
    clientId: client.id,
    presentedHash: hashToken(presented),
    nextHash: hashToken(next),
    sealedSuccessor: sealSuccessor(next, presented),
    graceMs: settings.REFRESH_GRACE * 1000,
    ttlMs: settings.REFRESH_TOKEN_TTL * 1000,
  })
  recordRotation(outcome, grant, server, source)
  return createTokenResponse(grant, scope, unwrapRotation(outcome, next, presented), server)
}

/** RFC 8707 §2.2: the token is for the resource that was granted. */
function assertGrantedResource(resource: string | undefined, grant: GrantRecord): void {
  if (resource !== undefined && resource !== grant.resource) {
    throw new InvalidTargetError('The resource is not the one that was granted.')
  }
}

/**
 * The requested scopes that were granted; all that were if the client requests none (RFC 6749 §6). A client repeats
 * what it requested at sign-in, of which this server or Sentry may have granted less: it gets what remains, and the
 * response says so (§3.3).
 */
function parseGrantedScope(form: TokenForm, grant: GrantRecord): string[] {
  const requested = parseScope(readParameter('scope', form.scope) ?? '')
  if (requested.length === 0) return grant.scope
  const granted = requested.filter((scope) => grant.scope.includes(scope))
  if (granted.length === 0) throw new InvalidScopeError('None of the requested scopes was granted.')
  return granted
}

function recordRotation(
  rotation: RotationOutcome,
  grant: GrantRecord,
  server: Pick<AuthorizationServer, 'audit' | 'revocation'>,
  source: AuditSource,
): void {
  const { outcome } = rotation
  if (outcome !== 'rotated' && outcome !== 'repeated' && outcome !== 'reused') return
  server.audit.write({ event: `refresh_${outcome}`, about: grant }, source)
  if (outcome === 'repeated' && rotation.repeats >= SUSPICIOUS_REPEATS) {
    server.audit.write({ event: 'refresh_overused', about: grant, repeats: rotation.repeats }, source)
  }
  if (outcome === 'reused') onGrantRevoked(grant, 'refresh_token_reused', server, source)
}

/** The current refresh token after a rotation: `next`, or the successor of an earlier rotation. */
function unwrapRotation(outcome: RotationOutcome, next: string, presented: string): string {
  switch (outcome.outcome) {
    case 'rotated':
      return next
    case 'repeated':
      return openSuccessor(outcome.sealedSuccessor, presented)
    case 'reused':
      throw new InvalidGrantError('The refresh token was already used; the sign-in was ended for safety.')
    default:
      throw createInvalidTokenError()
  }
}

function createInvalidTokenError(): InvalidGrantError {
  return new InvalidGrantError('The refresh token is invalid or has expired.')
}
