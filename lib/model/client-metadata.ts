import Type, { type Static } from 'typebox'
import { InvalidClientMetadataError, InvalidRedirectUriError } from '../oauth/errors.ts'
import { isLoopbackHost } from './loopback.ts'
import { isSafeRedirectUri } from './redirect-uri.ts'
import type { RedirectUriPolicy } from './redirect-uri-pattern.ts'

export const SUPPORTED_GRANT_TYPES = ['authorization_code', 'refresh_token']
export const SUPPORTED_RESPONSE_TYPES = ['code']
const MAX_NAME_LENGTH = 100

/** What a client may say of itself (RFC 7591 §2). What is not named here is ignored, as §2 asks. */
export const ClientMetadataSchema = Type.Object({
  redirect_uris: Type.Optional(Type.Array(Type.String())),
  client_name: Type.Optional(Type.String()),
  application_type: Type.Optional(Type.String()),
  grant_types: Type.Optional(Type.Array(Type.String(), { maxItems: 20 })),
  response_types: Type.Optional(Type.Array(Type.String(), { maxItems: 20 })),
  token_endpoint_auth_method: Type.Optional(Type.String()),
})

export type ClientMetadata = Static<typeof ClientMetadataSchema>

/**
 * The redirect URIs, each of which may be one at all (RFC 6749 §3.1.2, RFC 8252 §7). A single one that may not
 * refuses the whole: a client that believes it registered three must not find out at sign-in that it has two.
 */
export function checkRedirectUris({ redirect_uris: uris = [] }: ClientMetadata): readonly string[] {
  if (uris.length === 0) throw new InvalidRedirectUriError('Invalid redirect_uri: at least one is needed.')
  checkEach(
    uris,
    isSafeRedirectUri,
    'is not https, http on loopback, or of a private-use scheme, or is not spelled canonically',
  )
  return uris
}

/** A web client is reached over https, and not on the user's own machine (OpenID Connect Registration §2). */
export function checkApplicationType({ application_type, redirect_uris = [] }: ClientMetadata): void {
  if (application_type !== 'web') return
  checkEach(redirect_uris, isWebUri, 'is not one that a client of application_type web can have')
}

/** The operator allows every one of the redirect URIs (ALLOWED_REDIRECT_URI_PATTERNS). */
export function checkAllowedRedirectUris(
  { redirect_uris = [] }: ClientMetadata,
  isAllowed: RedirectUriPolicy,
): void {
  checkEach(redirect_uris, isAllowed, 'is not among those this server allows')
}

/** A client that can do more than we support keeps what both can do; one that cannot do it at all is refused. */
export function checkFlow({ grant_types, response_types }: ClientMetadata): void {
  checkSupported('grant_types', grant_types, SUPPORTED_GRANT_TYPES)
  checkSupported('response_types', response_types, SUPPORTED_RESPONSE_TYPES)
}

/** The name without characters that could make it look like something else: control, format and bidi characters. */
export function readName({ client_name }: ClientMetadata): string {
  const cleaned = (client_name ?? '').replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '').trim()
  // By characters: a slice of the string could end in half of one.
  return [...cleaned].slice(0, MAX_NAME_LENGTH).join('') || 'Unnamed client'
}

function checkEach(uris: readonly string[], isGood: (uri: string) => boolean, problem: string): void {
  const place = uris.findIndex((uri) => !isGood(uri))
  if (place >= 0) throw new InvalidRedirectUriError(`Invalid redirect_uri: number ${place + 1} ${problem}.`)
}

function isWebUri(uri: string): boolean {
  const url = URL.parse(uri)
  return url?.protocol === 'https:' && !isLoopbackHost(url.hostname)
}

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
