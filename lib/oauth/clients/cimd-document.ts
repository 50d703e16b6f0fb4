import type { JSONWebKeySet } from 'jose'
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import type { Client, ClientKeys } from '../../model/client.ts'
import { ClientMetadataSchema, findMetadataProblems, omitNullMembers } from '../../model/client-metadata.ts'
import { normalizeClientName } from '../../model/client-name.ts'
import { ASK_DEVELOPERS, InvalidClientError } from '../errors.ts'

const DocumentSchema = Type.Object({
  ...ClientMetadataSchema.properties,
  client_id: Type.String(),
  client_name: Type.String({ pattern: '\\S' }),
  client_uri: Type.Optional(Type.Unknown()),
  token_endpoint_auth_methods_supported: Type.Optional(Type.Array(Type.String())),
  jwks: Type.Optional(Type.Unknown()),
  jwks_uri: Type.Optional(Type.String()),
})

type MetadataDocument = Static<typeof DocumentSchema>

const KeySetSchema = Type.Object({
  keys: Type.Array(Type.Object({ kty: Type.String() }), { minItems: 1, maxItems: 50 }),
})

/** The members of a JWK that are private or shared secrets (RFC 7518 §6). */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/**
 * Whether a client id is the URL of a metadata document (draft-ietf-oauth-client-id-metadata-document §3): https, not
 * on this server's origin, with a path, without user information, fragment and dot segments, and spelled exactly as
 * every URL parser spells it, since ids are compared as text.
 */
export function isMetadataDocumentUrl(id: string, ownOrigin: string): boolean {
  if (!id.startsWith('https://') || /[#@]/.test(id)) return false
  const url = URL.parse(id)
  return url?.href === id && url.pathname !== '/' && url.origin !== ownOrigin
}

/**
 * The client that a metadata document describes (draft §4). Its redirect URIs have to be safe, as at registration;
 * whether the operator allows one is decided at the authorization request, since the document is the same for all
 * servers. Throws `InvalidClientError`, which names the broken rule.
 */
export function parseMetadataDocument(content: unknown, url: string): Client {
  try {
    return parseClient(content, url)
  } catch (error) {
    if (!(error instanceof InvalidClientError)) throw error
    throw new InvalidClientError(`The client's metadata document is not valid. ${error.message}`, {
      advice: ASK_DEVELOPERS,
    })
  }
}

/**
 * The public keys that a client publishes (RFC 7517 §5). A key published with its private part proves nothing, so it
 * refuses the whole set. Throws `InvalidClientError`.
 */
export function parseKeySet(content: unknown): JSONWebKeySet {
  if (!Value.Check(KeySetSchema, content))
    throw new InvalidClientError("The client's keys are not a JWK Set.")
  if (content.keys.some((key) => PRIVATE_MEMBERS.some((member) => member in key))) {
    throw new InvalidClientError("The client's keys are published with their private parts.")
  }
  return content
}

function parseClient(content: unknown, url: string): Client {
  const document = requireDocument(content)
  assertOwnUrl(document, url)
  assertNoSecret(document)
  const [problem] = findMetadataProblems(document)
  if (problem !== undefined) throw new InvalidClientError(problem.message)
  return {
    id: url,
    name: normalizeClientName(document.client_name),
    redirectUris: document.redirect_uris ?? [],
    ...chooseAuthentication(document),
    documentUrl: url,
    ...readHomepage(document, url),
  }
}

/** RFC 7591 §2, `client_uri`. On another host than the document it could be the web site of another client. */
function readHomepage({ client_uri }: MetadataDocument, url: string): Pick<Client, 'homepage'> {
  const homepage = typeof client_uri === 'string' ? URL.parse(client_uri) : null
  if (homepage === null || homepage.origin !== new URL(url).origin) return {}
  const isPlain = homepage.username === '' && homepage.password === '' && homepage.href.length <= 200
  return isPlain ? { homepage: homepage.href } : {}
}

function requireDocument(published: unknown): MetadataDocument {
  const content = omitNullMembers(published)
  if (Value.Check(DocumentSchema, content)) return content
  const [problem] = Value.Errors(DocumentSchema, content)
  const member = problem?.instancePath.split('/')[1]
  throw new InvalidClientError(
    member === undefined ? 'client_id or client_name is missing.' : `${member} is malformed.`,
  )
}

/** Draft §4.1: `client_id` equals the URL of the document, byte for byte. */
function assertOwnUrl({ client_id }: MetadataDocument, url: string): void {
  if (client_id !== url) throw new InvalidClientError('client_id is not the URL of the document.')
}

/** Draft §4.1: the document is public, so it cannot hold a secret. */
function assertNoSecret(document: MetadataDocument): void {
  if ('client_secret' in document || 'client_secret_expires_at' in document) {
    throw new InvalidClientError('It must not have a secret.')
  }
}

/**
 * The weakest method that the document lists, since the client may use that one. A client that also signs assertions
 * keeps its keys, so that an assertion is verified when it sends one.
 */
function chooseAuthentication(document: MetadataDocument): Pick<Client, 'tokenEndpointAuthMethod' | 'keys'> {
  const methods = [document.token_endpoint_auth_method, document.token_endpoint_auth_methods_supported].flat()
  const listed = methods.filter((method) => method !== undefined)
  const keys = listed.includes('private_key_jwt') ? readKeys(document) : undefined
  if (listed.length === 0 || listed.includes('none'))
    return { tokenEndpointAuthMethod: 'none', ...(keys && { keys }) }
  if (keys !== undefined) return { tokenEndpointAuthMethod: 'private_key_jwt', keys }
  throw new InvalidClientError('Its authentication method must be none, or private_key_jwt with keys.')
}

/** RFC 7591 §2: `jwks` and `jwks_uri` exclude each other. */
function readKeys({ jwks, jwks_uri }: MetadataDocument): ClientKeys | undefined {
  if (jwks !== undefined && jwks_uri !== undefined)
    throw new InvalidClientError('It has both jwks and jwks_uri.')
  if (jwks !== undefined) return { jwks: parseKeySet(jwks) }
  if (jwks_uri === undefined) return undefined
  if (URL.parse(jwks_uri)?.protocol !== 'https:') throw new InvalidClientError('jwks_uri is not https.')
  return { jwksUri: jwks_uri }
}
