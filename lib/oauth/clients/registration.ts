import Type, { type Static } from 'typebox'
import { isEqual } from '../../crypto/hash.ts'
import type { ClientAuthMethod, ClientRegistration } from '../../model/client.ts'
import {
  type ClientMetadata,
  ClientMetadataSchema,
  findMetadataProblems,
  SUPPORTED_GRANT_TYPES,
  SUPPORTED_RESPONSE_TYPES,
} from '../../model/client-metadata.ts'
import { normalizeClientName } from '../../model/client-name.ts'
import type { RedirectUriPolicy } from '../../model/redirect-uri-pattern.ts'
import type { OAuthSettings } from '../authorization-server.ts'
import {
  AccessDeniedError,
  InvalidClientMetadataError,
  InvalidInitialTokenError,
  InvalidRedirectUriError,
} from '../errors.ts'
import { readBearerToken } from '../resource/bearer.ts'

/** The metadata of a client that registers (DCR); few clients have more than three redirect URIs. */
export const RegistrationSchema = Type.Object({
  ...ClientMetadataSchema.properties,
  redirect_uris: Type.Optional(Type.Array(Type.String(), { maxItems: 10 })),
})

/** What a client receives at registration: its id, and a secret if it asked for one. */
export interface IssuedCredentials {
  clientId: string
  clientSecret?: string
}

/** RFC 7591 §3.2.1: the client learns what was registered. */
export const RegistrationResponseSchema = Type.Object({
  client_id: Type.String(),
  client_id_issued_at: Type.Integer(),
  client_secret: Type.Optional(Type.String()),
  client_secret_expires_at: Type.Optional(Type.Integer()),
  client_name: Type.String(),
  redirect_uris: Type.Array(Type.String()),
  grant_types: Type.Array(Type.String()),
  response_types: Type.Array(Type.String()),
  token_endpoint_auth_method: Type.String(),
})

/**
 * RFC 7591 §3: the operator decides who may register; DCR_TOKEN is the initial access token. Throws
 * `AccessDeniedError` or `InvalidInitialTokenError`.
 */
export function assertMayRegister(
  authorization: string | undefined,
  { DCR, DCR_TOKEN }: Pick<OAuthSettings, 'DCR' | 'DCR_TOKEN'>,
): void {
  if (DCR === 'open') return
  if (DCR === 'off') {
    throw new AccessDeniedError(
      'Registration is closed. The operator of this server can set up a client for you.',
    )
  }
  const token = readBearerToken(authorization)
  if (token === undefined || DCR_TOKEN === undefined || !isEqual(token, DCR_TOKEN)) {
    throw new InvalidInitialTokenError(
      'Registration requires a token. Ask the operator of this server for it.',
    )
  }
}

/**
 * The registration of a client, with those of its redirect URIs that the operator allows: the response names them (RFC
 * 7591 §3.2.1), and a client that has several does not need each. Throws `InvalidRedirectUriError` or
 * `InvalidClientMetadataError` (RFC 7591 §3.2.2).
 */
export function parseClientMetadata(
  metadata: ClientMetadata,
  isAllowed: RedirectUriPolicy,
): ClientRegistration {
  const [problem] = findMetadataProblems(metadata)
  if (problem?.field === 'redirect_uris') throw new InvalidRedirectUriError(problem.message)
  if (problem !== undefined) throw new InvalidClientMetadataError(problem.message)
  const redirectUris = (metadata.redirect_uris ?? []).filter(isAllowed)
  if (redirectUris.length === 0)
    throw new InvalidRedirectUriError('Invalid redirect_uri: this server allows none of them.')
  return {
    name: normalizeClientName(metadata.client_name),
    redirectUris,
    tokenEndpointAuthMethod: chooseAuthMethod(metadata.token_endpoint_auth_method),
  }
}

/**
 * A client is public by default, as nearly every MCP client is, and also if it requests a method that cannot be
 * registered here: RFC 7591 §2 lets a server replace a value that the response names (§3.2.1).
 */
function chooseAuthMethod(requested: string | undefined): ClientAuthMethod {
  return requested === 'client_secret_basic' || requested === 'client_secret_post' ? requested : 'none'
}

/** The response to a registration. A secret does not expire, which is written as 0. */
export function createRegistrationResponse(
  { clientId, clientSecret }: IssuedCredentials,
  registration: ClientRegistration,
  issuedAt: number,
): Static<typeof RegistrationResponseSchema> {
  return {
    client_id: clientId,
    client_id_issued_at: issuedAt,
    ...(clientSecret !== undefined && { client_secret: clientSecret, client_secret_expires_at: 0 }),
    client_name: registration.name,
    redirect_uris: [...registration.redirectUris],
    grant_types: SUPPORTED_GRANT_TYPES,
    response_types: SUPPORTED_RESPONSE_TYPES,
    token_endpoint_auth_method: registration.tokenEndpointAuthMethod,
  }
}
