import Type, { type Static } from 'typebox'
import { isLoopbackHost } from './loopback.ts'
import { isSafeRedirectUri } from './redirect-uri.ts'

export const SUPPORTED_GRANT_TYPES = ['authorization_code', 'refresh_token']
export const SUPPORTED_RESPONSE_TYPES = ['code']

/** The client metadata that this server reads (RFC 7591 §2). Other members are ignored, as §2 asks. */
export const ClientMetadataSchema = Type.Object({
  redirect_uris: Type.Optional(Type.Array(Type.String())),
  client_name: Type.Optional(Type.String()),
  application_type: Type.Optional(Type.String()),
  grant_types: Type.Optional(Type.Array(Type.String(), { maxItems: 20 })),
  response_types: Type.Optional(Type.Array(Type.String(), { maxItems: 20 })),
  token_endpoint_auth_method: Type.Optional(Type.String()),
})

export type ClientMetadata = Static<typeof ClientMetadataSchema>

/** Why client metadata is refused. Each way to become a client reports it as an error of its own. */
export interface ClientMetadataProblem {
  field: 'redirect_uris' | 'grant_types' | 'response_types'
  /** A public sentence that repeats nothing of the metadata. */
  message: string
}

/** Metadata without members that are `null`, which are as good as absent (RFC 7592 §2.2). */
export function omitNullMembers(metadata: unknown): unknown {
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) return metadata
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== null))
}

/** The problems of client metadata, at most one for each field, in the order in which they are reported. */
export function findMetadataProblems(metadata: ClientMetadata): ClientMetadataProblem[] {
  const { grant_types, response_types } = metadata
  const problems: [ClientMetadataProblem['field'], string | undefined][] = [
    ['redirect_uris', findRedirectUriProblem(metadata)],
    ['grant_types', findSupportProblem('grant_types', grant_types, SUPPORTED_GRANT_TYPES)],
    ['response_types', findSupportProblem('response_types', response_types, SUPPORTED_RESPONSE_TYPES)],
  ]
  return problems.flatMap(([field, message]) => (message === undefined ? [] : [{ field, message }]))
}

/**
 * Redirect URIs have to be safe (RFC 6749 §3.1.2, RFC 8252 §7), and https and not on loopback for a web client (OpenID
 * Connect Registration §2). One bad URI refuses all: it is a fault of the client, or an attempt.
 */
function findRedirectUriProblem({
  redirect_uris: uris = [],
  application_type: type,
}: ClientMetadata): string | undefined {
  if (uris.length === 0) return 'Invalid redirect_uri: at least one is required.'
  const rules: [(uri: string) => boolean, string][] = [
    [
      isSafeRedirectUri,
      'is not https, http on loopback, or of a private-use scheme, or is not spelled canonically',
    ],
    [(uri) => type !== 'web' || isWebUri(uri), 'cannot belong to a client of application_type web'],
  ]
  for (const [isGood, problem] of rules) {
    const index = uris.findIndex((uri) => !isGood(uri))
    if (index >= 0) return `Invalid redirect_uri: number ${index + 1} ${problem}.`
  }
  return undefined
}

function isWebUri(uri: string): boolean {
  const url = URL.parse(uri)
  return url?.protocol === 'https:' && !isLoopbackHost(url.hostname)
}

/** A client that supports more than this server keeps what both support; with nothing in common it is refused. */
function findSupportProblem(
  name: string,
  wanted: readonly string[] = [],
  [needed]: readonly string[],
): string | undefined {
  if (wanted.length === 0 || wanted.some((value) => value === needed)) return undefined
  return `${name} must include ${needed}.`
}
