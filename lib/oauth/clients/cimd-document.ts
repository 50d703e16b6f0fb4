import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import type { Client, ClientKeys } from '../../model/client.ts'
import {
  ClientMetadataSchema,
  checkApplicationType,
  checkFlow,
  checkRedirectUris,
  readName,
} from '../../model/client-metadata.ts'
import { InvalidClientError, OAuthError } from '../errors.ts'
import { parseKeySet } from './keys.ts'

const DocumentSchema = Type.Object({
  ...ClientMetadataSchema.properties,
  client_id: Type.String(),
  client_name: Type.String({ pattern: '\\S' }),
  token_endpoint_auth_methods_supported: Type.Optional(Type.Array(Type.String())),
  jwks: Type.Optional(Type.Unknown()),
  jwks_uri: Type.Optional(Type.String()),
})

type MetadataDocument = Static<typeof DocumentSchema>

/**
 * Whether a client id is the URL of a metadata document (draft-ietf-oauth-client-id-metadata-document §3): https, a
 * host that is not ours, a path, no user information, no fragment, no dot segment, and spelled as every parser
 * spells it, since ids are compared as text.
 */
export function isMetadataDocumentUrl(id: string, ownOrigin: string): boolean {
  if (!id.startsWith('https://') || /[#@]/.test(id)) return false
  const url = URL.parse(id)
  return url?.href === id && url.pathname !== '/' && url.origin !== ownOrigin
}

/**
 * The client that a metadata document describes (draft §4). Its redirect URIs are judged as those of a client that
 * registers; which of them the operator allows is seen when one is used, for the document is the same for all
 * servers. Throws `InvalidClientError`, which says what is wrong.
 */
export function parseMetadataDocument(content: unknown, url: string): Client {
  try {
    return describeClient(content, url)
  } catch (error) {
    if (!(error instanceof OAuthError)) throw error
    throw new InvalidClientError(`The metadata document of the client is not valid. ${error.message}`)
  }
}

function describeClient(content: unknown, url: string): Client {
  const document = checkForm(content)
  checkId(document, url)
  checkNoSecret(document)
  const redirectUris = checkRedirectUris(document)
  checkApplicationType(document)
  checkFlow(document)
  return {
    id: url,
    name: readName(document),
    redirectUris,
    ...chooseAuthentication(document),
    verifiedHost: new URL(url).host,
  }
}

function checkForm(content: unknown): MetadataDocument {
  if (Value.Check(DocumentSchema, content)) return content
  const [problem] = Value.Errors(DocumentSchema, content)
  const member = problem?.instancePath.split('/')[1]
  throw new InvalidClientError(
    member === undefined ? 'client_id or client_name is missing.' : `${member} is not of its form.`,
  )
}

/** Draft §4.1: a document speaks for its own URL alone, byte for byte. */
function checkId({ client_id }: MetadataDocument, url: string): void {
  if (client_id !== url) throw new InvalidClientError('client_id is not its own URL.')
}

/** Draft §4.1: what everybody can read is no secret. */
function checkNoSecret(document: MetadataDocument): void {
  if ('client_secret' in document || 'client_secret_expires_at' in document) {
    throw new InvalidClientError('It must not have a secret.')
  }
}

/**
 * The weakest way that the client accepts, since that is how it may come. One that can also sign assertions is
 * believed when it does.
 */
function chooseAuthentication(
  document: MetadataDocument,
): Pick<Client, 'tokenEndpointAuthMethod'> & { keys?: ClientKeys } {
  const methods = [document.token_endpoint_auth_method, document.token_endpoint_auth_methods_supported].flat()
  const given = methods.filter((method) => method !== undefined)
  const keys = given.includes('private_key_jwt') ? readKeys(document) : undefined
  if (given.length === 0 || given.includes('none'))
    return { tokenEndpointAuthMethod: 'none', ...(keys && { keys }) }
  if (keys !== undefined) return { tokenEndpointAuthMethod: 'private_key_jwt', keys }
  throw new InvalidClientError('Its authentication method must be none, or private_key_jwt with keys.')
}

/** RFC 7591 §2: the keys are there or at a URL, never both. */
function readKeys({ jwks, jwks_uri }: MetadataDocument): ClientKeys | undefined {
  if (jwks !== undefined && jwks_uri !== undefined)
    throw new InvalidClientError('It has both jwks and jwks_uri.')
  if (jwks !== undefined) return { jwks: parseKeySet(jwks) }
  if (jwks_uri === undefined) return undefined
  if (URL.parse(jwks_uri)?.protocol !== 'https:') throw new InvalidClientError('jwks_uri is not https.')
  return { jwksUri: jwks_uri }
}
