import Type, { type Static } from 'typebox'
import type { Config } from '../../config/load.ts'
import { isEqual } from '../../crypto/hash.ts'
import type { ClientAuthMethod, ClientRegistration } from '../../model/client.ts'
import {
  type ClientMetadata,
  ClientMetadataSchema,
  checkAllowedRedirectUris,
  checkApplicationType,
  checkFlow,
  checkRedirectUris,
  readName,
  SUPPORTED_GRANT_TYPES,
  SUPPORTED_RESPONSE_TYPES,
} from '../../model/client-metadata.ts'
import type { RedirectUriPolicy } from '../../model/redirect-uri-pattern.ts'
import { AccessDeniedError, InvalidInitialTokenError } from '../errors.ts'
import { readBearerToken } from '../resource/bearer.ts'

/** The metadata of a client that registers itself; few clients have more than three redirect URIs. */
export const RegistrationSchema = Type.Object({
  ...ClientMetadataSchema.properties,
  redirect_uris: Type.Optional(Type.Array(Type.String(), { maxItems: 10 })),
})

/** What was registered, as RFC 7591 §3.2.1 has it told to the client. */
export const RegistrationAnswerSchema = Type.Object({
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

/** What a new client is told it is: its id, and its secret where it asked for one. */
export interface Credentials {
  clientId: string
  clientSecret?: string
}

/** RFC 7591 §3: who may register is the operator's choice; a token of theirs is an initial access token. */
export function checkRegistrant(
  authorization: string | undefined,
  { DCR, DCR_TOKEN }: Pick<Config, 'DCR' | 'DCR_TOKEN'>,
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
      'Registration needs a token, which the operator of this server gives out.',
    )
  }
}

/**
 * Turns metadata into a registration. Throws `InvalidRedirectUriError` or `InvalidClientMetadataError`
 * (RFC 7591 §3.2.2).
 */
export function parseClientMetadata(
  metadata: ClientMetadata,
  isAllowed: RedirectUriPolicy,
): ClientRegistration {
  const redirectUris = checkRedirectUris(metadata)
  checkApplicationType(metadata)
  checkAllowedRedirectUris(metadata, isAllowed)
  checkFlow(metadata)
  return {
    name: readName(metadata),
    redirectUris,
    tokenEndpointAuthMethod: chooseAuthMethod(metadata.token_endpoint_auth_method),
  }
}

/**
 * Without a wish a client is public, as nearly every MCP client is, and so is one that wishes for what nobody can
 * register here; RFC 7591 §2 lets a server replace a value as long as it says so (§3.2.1).
 */
function chooseAuthMethod(wish: string | undefined): ClientAuthMethod {
  return wish === 'client_secret_basic' || wish === 'client_secret_post' ? wish : 'none'
}

/** The answer to a registration. A secret does not end by time, which is written as 0. */
export function describeRegistration(
  { clientId, clientSecret }: Credentials,
  registration: ClientRegistration,
  issuedAt: number,
): Static<typeof RegistrationAnswerSchema> {
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
