import Type, { type Static } from 'typebox'
import type { ClientRegistration } from './client.ts'
import { InvalidClientMetadataError, InvalidRedirectUriError } from './oauth-error.ts'
import { isSafeRedirectUri } from './redirect-uri.ts'
import type { RedirectUriPolicy } from './redirect-uri-pattern.ts'

const SUPPORTED_GRANT_TYPES = ['authorization_code', 'refresh_token']
const SUPPORTED_RESPONSE_TYPES = ['code']
const MAX_NAME_LENGTH = 100

/** What a client may say of itself (RFC 7591 §2). What is not named here is ignored, as §2 asks. */
export const ClientMetadataSchema = Type.Object({
  redirect_uris: Type.Optional(Type.Array(Type.String(), { maxItems: 10 })),
  client_name: Type.Optional(Type.String()),
  grant_types: Type.Optional(Type.Array(Type.String(), { maxItems: 20 })),
  response_types: Type.Optional(Type.Array(Type.String(), { maxItems: 20 })),
  token_endpoint_auth_method: Type.Optional(Type.String()),
})

export type ClientMetadata = Static<typeof ClientMetadataSchema>

/** What was registered, as RFC 7591 §3.2.1 has it told to the client. */
export const RegistrationAnswerSchema = Type.Object({
  client_id: Type.String(),
  client_id_issued_at: Type.Integer(),
  client_name: Type.String(),
  redirect_uris: Type.Array(Type.String()),
  grant_types: Type.Array(Type.String()),
  response_types: Type.Array(Type.String()),
  token_endpoint_auth_method: Type.Literal('none'),
})

/**
 * Turns metadata into a registration. Throws `InvalidRedirectUriError` or `InvalidClientMetadataError`
 * (RFC 7591 §3.2.2). A single redirect URI that cannot be accepted refuses the whole: a client that believes it
 * registered three must not find out at sign-in that it has two.
 */
export function parseClientMetadata(
  metadata: ClientMetadata,
  isAllowed: RedirectUriPolicy,
): ClientRegistration {
  checkRedirectUris(metadata.redirect_uris ?? [], isAllowed)
  checkSupported('grant_types', metadata.grant_types, SUPPORTED_GRANT_TYPES)
  checkSupported('response_types', metadata.response_types, SUPPORTED_RESPONSE_TYPES)
  return {
    name: cleanName(metadata.client_name),
    redirectUris: metadata.redirect_uris ?? [],
    tokenEndpointAuthMethod: 'none',
  }
}

/** The answer to a registration. Every client is public; one that asked for a secret is told so (§3.2.1). */
export function describeRegistration(
  clientId: string,
  registration: ClientRegistration,
  issuedAt: number,
): Static<typeof RegistrationAnswerSchema> {
  return {
    client_id: clientId,
    client_id_issued_at: issuedAt,
    client_name: registration.name,
    redirect_uris: [...registration.redirectUris],
    grant_types: SUPPORTED_GRANT_TYPES,
    response_types: SUPPORTED_RESPONSE_TYPES,
    token_endpoint_auth_method: registration.tokenEndpointAuthMethod,
  }
}

function checkRedirectUris(uris: readonly string[], isAllowed: RedirectUriPolicy): void {
  if (uris.length === 0) throw new InvalidRedirectUriError('Invalid redirect_uri: at least one is needed.')
  const place = uris.findIndex((uri) => !isSafeRedirectUri(uri))
  if (place >= 0) {
    throw new InvalidRedirectUriError(
      `Invalid redirect_uri: number ${place + 1} is not https, http on loopback, or of a private-use scheme, or is not spelled canonically.`,
    )
  }
  const refused = uris.findIndex((uri) => !isAllowed(uri))
  if (refused >= 0) {
    throw new InvalidRedirectUriError(
      `Invalid redirect_uri: number ${refused + 1} is not among those this server allows.`,
    )
  }
}

/** A client that can do more than we support keeps what both can do; one that cannot do it at all is refused. */
function checkSupported(
  name: string,
  wanted: readonly string[] | undefined,
  supported: readonly string[],
): void {
  if (wanted === undefined || wanted.length === 0) return
  if (!wanted.some((value) => value === supported[0])) {
    throw new InvalidClientMetadataError(`${name} must include ${supported[0]}.`)
  }
}

/** Characters that could make a name look like something else on a page: control, format and bidi characters. */
function cleanName(name: string | undefined): string {
  const cleaned = (name ?? '').replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '').trim()
  // By characters: a slice of the string could end in half of one.
  return [...cleaned].slice(0, MAX_NAME_LENGTH).join('') || 'Unnamed client'
}
