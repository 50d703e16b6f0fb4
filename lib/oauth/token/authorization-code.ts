import { createToken, hashToken } from '../../crypto/hash.ts'
import { createCodeChallenge, isCodeVerifier } from '../../crypto/pkce.ts'
import type { Client } from '../../model/client.ts'
import type { CodeOutcome, GrantRecord } from '../../store/store.ts'
import type { AuditSource } from '../../telemetry/audit.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import type { PendingAuthorization } from '../authorize/transaction.ts'
import { InvalidGrantError, InvalidTargetError } from '../errors.ts'
import { readParameter, requireParameter } from '../parameters.ts'
import { endGrant, onGrantRevoked } from './grant.ts'
import { issueRefreshToken } from './refresh-token.ts'
import {
  createTokenResponse,
  isActiveGrant,
  readRequestedResource,
  type TokenForm,
  type TokenResponse,
} from './request.ts'
import { openCode, sealCode } from './sealed-code.ts'

/** The lifetime of an authorization code (RFC 6749 §4.1.2 recommends ten minutes at most). */
const CODE_TTL_MS = 60_000

/** How long a spent code stays known, so that a repeat differs from an unknown code. */
const CODE_TOMBSTONE_TTL_MS = 10 * 60_000

/**
 * How long after a code was spent the same request again counts as the client's own: a callback page that runs twice,
 * or a retry after a lost response.
 */
const REPEAT_GRACE_MS = 10_000

/** How long a grant waits for its code to be redeemed. */
const UNREDEEMED_GRANT_TTL_MS = 10 * 60_000

/** How many grants one user may have for one client: one for each place where they use it. */
const GRANTS_PER_CLIENT = 20

/** Stores a new grant and an authorization code for it. Returns the code. Throws `StoreUnavailableError`. */
export async function issueAuthorizationCode(
  { clientId, redirectUri, codeChallenge }: PendingAuthorization,
  grant: GrantRecord,
  { store, sealer }: Pick<AuthorizationServer, 'store' | 'sealer'>,
): Promise<string> {
  const code = createToken()
  const codeHash = hashToken(code)
  const redirectUriHash = hashToken(redirectUri)
  const record = { clientId, redirectUriHash, codeChallenge, grantId: grant.id, resource: grant.resource }
  await store.createGrant(grant, UNREDEEMED_GRANT_TTL_MS)
  await store.saveCode(codeHash, sealCode(record, codeHash, sealer), CODE_TTL_MS)
  return code
}

/**
 * The authorization code grant (RFC 6749 §4.1.3). Everything is verified before the code is spent, and only a request
 * with the right proof can end a grant: anyone who saw the redirect has the code. A crash after the code was spent
 * and before the grant is activated leaves a grant without tokens, which expires; the user signs in again. Throws an
 * `OAuthError` or `StoreUnavailableError`.
 */
export async function redeemAuthorizationCode(
  form: TokenForm,
  client: Client,
  server: AuthorizationServer,
  source: AuditSource,
): Promise<TokenResponse> {
  const { store, audit, signer, settings } = server
  const code = requireParameter('code', form.code)
  const resource = readRequestedResource(form, server)
  const codeChallenge = requireChallenge(form)
  const redirectUri = readParameter('redirect_uri', form.redirect_uri)
  const redirectUriHash = redirectUri === undefined ? undefined : hashToken(redirectUri)
  const proof = { clientId: client.id, resource, codeChallenge, redirectUriHash }
  const codeHash = hashToken(code)
  const outcome = await store.redeemCode(codeHash, proof, CODE_TOMBSTONE_TTL_MS)
  const openGrantId = (sealed: string) => openCode(sealed, codeHash, proof, server.sealer)
  if (outcome.outcome === 'repeated') {
    const grantId = openGrantId(outcome.grantId)
    if (await isReplay(grantId, outcome.elapsedMs, server)) await endReplayed(grantId, server, source)
  }
  const grant = await store.readGrant(openGrantId(unwrapRedemption(outcome)))
  if (!isActiveGrant(grant, client)) throw createEndedError()

  const refreshToken = issueRefreshToken(grant.id, signer)
  const ttlMs = settings.REFRESH_TOKEN_TTL * 1000
  const activation = await store.activateGrant(grant, hashToken(refreshToken), ttlMs, GRANTS_PER_CLIENT)
  if (activation.outcome === 'refused') throw createEndedError()
  audit.write({ event: 'grant_activated', about: grant }, source)
  for (const superseded of activation.superseded) onGrantRevoked(superseded, 'superseded', server, source)
  return createTokenResponse(grant, grant.scope, refreshToken, server)
}

/** The challenge of the request's verifier (RFC 7636 §4.5), which is required: every code has a challenge. */
function requireChallenge(form: TokenForm): string {
  const verifier = requireParameter('code_verifier', form.code_verifier)
  if (!isCodeVerifier(verifier)) throw new InvalidGrantError('code_verifier is malformed.')
  return createCodeChallenge(verifier)
}

/**
 * Whether a code was intercepted (RFC 6749 §4.1.2, OAuth 2.1 §4.1.3): its proof came a second time, too late for a
 * client that repeats itself, or after the client has gone on to its first refresh.
 */
async function isReplay(
  grantId: string,
  elapsedMs: number,
  { store }: Pick<AuthorizationServer, 'store'>,
): Promise<boolean> {
  return elapsedMs > REPEAT_GRACE_MS || (await store.hasRotated(grantId))
}

/** Revokes the tokens of a code's first redemption. */
async function endReplayed(
  grantId: string,
  server: Pick<AuthorizationServer, 'store' | 'audit' | 'revocation'>,
  source: AuditSource,
): Promise<void> {
  const grant = await server.store.readGrant(grantId)
  if (grant !== undefined) server.audit.write({ event: 'code_replayed', about: grant }, source)
  await endGrant(grantId, 'code_replayed', server, source)
}

/** The grant whose code was redeemed (RFC 6749 §4.1.3 and §10.5), sealed. */
function unwrapRedemption(outcome: CodeOutcome): string {
  switch (outcome.outcome) {
    case 'redeemed':
      return outcome.grantId
    case 'wrong_verifier':
      throw new InvalidGrantError('code_verifier does not match the code_challenge.')
    case 'wrong_redirect_uri':
      throw new InvalidGrantError('redirect_uri is not the one of the authorization request.')
    case 'repeated':
      throw new InvalidGrantError('The code was already used.')
    case 'other_resource':
      throw new InvalidTargetError('The resource is not the one that was granted.')
    case 'missing':
    case 'other_client':
      throw new InvalidGrantError('The code is invalid or has expired.')
  }
}

function createEndedError(): InvalidGrantError {
  return new InvalidGrantError('The sign-in has ended.')
}
