import Type, { type Static } from 'typebox'
import type { Client } from '../../model/client.ts'
import { formatScope } from '../../model/scope.ts'
import type { GrantRecord } from '../../store/store.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { CREDENTIAL_PARAMETERS } from '../clients/authentication.ts'
import { extendStoredClient } from '../clients/stored.ts'
import { ParameterSchema } from '../parameters.ts'
import { readResourceIndicator } from '../resource/indicator.ts'
import { issueAccessToken } from './access-token.ts'

/** RFC 6749 §4.1.3 and §6, RFC 7636 §4.5, RFC 8707 §2.2. Other parameters are ignored. */
export const TokenFormSchema = Type.Object({
  grant_type: ParameterSchema,
  ...CREDENTIAL_PARAMETERS,
  code: ParameterSchema,
  redirect_uri: ParameterSchema,
  code_verifier: ParameterSchema,
  refresh_token: ParameterSchema,
  resource: ParameterSchema,
  scope: ParameterSchema,
})

export type TokenForm = Static<typeof TokenFormSchema>

/** RFC 6749 §5.1. */
export const TokenResponseSchema = Type.Object({
  access_token: Type.String(),
  token_type: Type.Literal('Bearer'),
  expires_in: Type.Integer(),
  refresh_token: Type.String(),
  scope: Type.String(),
})

export type TokenResponse = Static<typeof TokenResponseSchema>

/** RFC 8707 §2.2: the resource that the request names, a resource of this server. Throws `InvalidTargetError`. */
export function readRequestedResource(
  form: TokenForm,
  { settings }: Pick<AuthorizationServer, 'settings'>,
): string | undefined {
  return readResourceIndicator(form.resource, settings.BASE_URL)?.url
}

/** Whether a grant is active and belongs to this client. */
export function isActiveGrant(grant: GrantRecord | undefined, client: Client): grant is GrantRecord {
  return grant?.status === 'active' && grant.clientId === client.id
}

/** Issues an access token for a grant, which never outlives the grant, and responds with both tokens. Throws `UnsealError`. */
export async function createTokenResponse(
  grant: GrantRecord,
  scope: readonly string[],
  refreshToken: string,
  { settings, endpoints, signer, store, sentryTokens }: AuthorizationServer,
): Promise<TokenResponse> {
  const { id, clientId, subject, resource, expiresAt } = grant
  sentryTokens.assertUnaltered(grant)
  // In the background: a failure must not cost the client its tokens.
  extendStoredClient(clientId, store).catch(() => undefined)
  const ttl = Math.min(settings.ACCESS_TOKEN_TTL, Math.ceil((expiresAt - Date.now()) / 1000))
  // Without the scope that the grant has anyway, the token fits where clients keep it (RFC 9068 §2.2.3 allows that).
  const narrowed = scope.length < grant.scope.length ? scope : undefined
  const accessToken = await issueAccessToken(
    { grantId: id, clientId, subject, resource, scope: narrowed },
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
