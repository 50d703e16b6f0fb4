import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from 'typebox'
import { hashToken } from '../../lib/crypto/hash.ts'
import type { Client } from '../../lib/model/client.ts'
import { formatScope } from '../../lib/model/scope.ts'
import type { AuthorizationServer } from '../../lib/oauth/authorization-server.ts'
import { authenticateClient } from '../../lib/oauth/clients/authentication.ts'
import { keepStoredClient } from '../../lib/oauth/clients/stored.ts'
import { ErrorAnswerSchemas } from '../../lib/oauth/error-answer.ts'
import { InvalidGrantError, UnsupportedGrantTypeError } from '../../lib/oauth/errors.ts'
import { readParameter, requireParameter } from '../../lib/oauth/parameters.ts'
import { issueAccessToken } from '../../lib/oauth/token/access-token.ts'
import { endGrant, followEnd } from '../../lib/oauth/token/end-grant.ts'
import { CODE_TOMBSTONE_TTL, GRANTS_PER_CLIENT } from '../../lib/oauth/token/grant.ts'
import {
  issueRefreshToken,
  openSuccessor,
  readRefreshToken,
  sealSuccessor,
} from '../../lib/oauth/token/refresh-token.ts'
import {
  checkGrant,
  checkGrantedResource,
  checkGrantedScope,
  checkResourceForm,
  checkRotation,
  checkVerifier,
  createDeadRefreshTokenError,
  expectRedeemed,
  TokenAnswerSchema,
  type TokenForm,
  TokenFormSchema,
} from '../../lib/oauth/token/request.ts'
import type { GrantRecord, RotationOutcome } from '../../lib/store/store.ts'
import type { AuditSource } from '../../lib/telemetry/audit.ts'

const schema = { body: TokenFormSchema, response: { 200: TokenAnswerSchema, ...ErrorAnswerSchemas } }

type TokenAnswer = Static<typeof TokenAnswerSchema>

/** The token endpoint (RFC 6749 §3.2). */
const tokenRoute: FastifyPluginAsyncTypebox<{ server: AuthorizationServer }> = async (
  fastify,
  { server },
) => {
  const { store, signer, config, endpoints, audit } = server
  const refreshTtl = config.REFRESH_TOKEN_TTL * 1000

  fastify.post('/oauth/token', { schema, bodyLimit: 16 * 1024 }, async (request) => {
    const form = request.body
    const client = await authenticateClient(form, request.headers.authorization, server)
    const grantType = requireParameter('grant_type', form.grant_type)
    if (grantType === 'authorization_code') return redeemCode(form, client, request)
    if (grantType === 'refresh_token') return refresh(form, client, request)
    throw new UnsupportedGrantTypeError('grant_type must be authorization_code or refresh_token.')
  })

  /** RFC 6749 §4.1.3. Everything that can be judged without the code is judged before the code is spent. */
  async function redeemCode(form: TokenForm, client: Client, source: AuditSource): Promise<TokenAnswer> {
    const code = requireParameter('code', form.code)
    const codeChallenge = checkVerifier(form)
    const redirectUri = readParameter('redirect_uri', form.redirect_uri)
    const proof = {
      clientId: client.id,
      redirectUriHash: redirectUri === undefined ? undefined : hashToken(redirectUri),
      codeChallenge,
      resource: checkResourceForm(form, server),
    }
    const outcome = await store.redeemCode(hashToken(code), proof, CODE_TOMBSTONE_TTL)
    if (outcome.outcome === 'replayed') await endReplayed(outcome.grantId, source)
    const grant = checkGrant(await store.readGrant(expectRedeemed(outcome)), client)

    const refreshToken = issueRefreshToken(grant.id, signer)
    const activation = await store.activateGrant(
      grant,
      hashToken(refreshToken),
      refreshTtl,
      GRANTS_PER_CLIENT,
    )
    if (activation.outcome === 'refused') throw new InvalidGrantError('The sign-in has ended.')
    audit.write({ event: 'grant_activated', about: grant }, source)
    for (const surplus of activation.superseded) followEnd(surplus, 'superseded', server, source)
    return createAnswer(grant, grant.scope, refreshToken)
  }

  /** RFC 6749 §6, RFC 9700 §4.14.2. Sentry is asked before anything is rotated, so that an outage costs nothing. */
  async function refresh(form: TokenForm, client: Client, source: AuditSource): Promise<TokenAnswer> {
    const presented = requireParameter('refresh_token', form.refresh_token)
    const named = readRefreshToken(presented, signer)
    if (named === undefined) throw createDeadRefreshTokenError()
    const grant = checkGrant(await store.readGrant(named.grantId), client)
    checkGrantedResource(checkResourceForm(form, server), grant)
    const scope = checkGrantedScope(form, grant)
    await server.upstream.getAccessToken(grant, 2 * config.ACCESS_TOKEN_TTL * 1000)

    const next = issueRefreshToken(grant.id, signer)
    const outcome = await store.rotateRefreshToken(grant.id, {
      clientId: client.id,
      presentedHash: hashToken(presented),
      nextHash: hashToken(next),
      sealedSuccessor: sealSuccessor(next, presented),
      graceMs: config.REFRESH_GRACE * 1000,
      ttlMs: refreshTtl,
    })
    reportRotation(outcome, grant, source)
    checkRotation(outcome)
    const current = outcome.outcome === 'repeated' ? openSuccessor(outcome.sealedSuccessor, presented) : next
    return createAnswer(grant, scope, current)
  }

  /** RFC 6749 §4.1.2: whoever has a code a second time may have the tokens of the first. */
  async function endReplayed(grantId: string, source: AuditSource): Promise<void> {
    const grant = await store.readGrant(grantId)
    if (grant !== undefined) audit.write({ event: 'code_replayed', about: grant }, source)
    await endGrant(grantId, 'code_replayed', server, source)
  }

  function reportRotation({ outcome }: RotationOutcome, grant: GrantRecord, source: AuditSource): void {
    if (outcome !== 'rotated' && outcome !== 'repeated' && outcome !== 'reused') return
    audit.write({ event: `refresh_${outcome}`, about: grant }, source)
    if (outcome === 'reused') followEnd(grant, 'refresh_token_reused', server, source)
  }

  async function createAnswer(
    grant: GrantRecord,
    scope: string[],
    refreshToken: string,
  ): Promise<TokenAnswer> {
    const { id, clientId, subject, resource, expiresAt } = grant
    // Nothing that may fail here may cost the client its answer.
    keepStoredClient(clientId, store).catch(() => undefined)
    const ttl = Math.min(config.ACCESS_TOKEN_TTL, Math.ceil((expiresAt - Date.now()) / 1000))
    const accessToken = await issueAccessToken(
      { grantId: id, clientId, subject, resource, scope },
      { issuer: endpoints.issuer, ttl, signer },
    )
    return {
      access_token: accessToken,
      token_type: 'Bearer',
      expires_in: ttl,
      refresh_token: refreshToken,
      scope: formatScope(scope),
    }
  }
}

export default tokenRoute
