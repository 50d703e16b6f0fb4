import { decodeJwt } from 'jose'
import type { Static } from 'typebox'
import { hashToken, isEqual } from '../../crypto/hash.ts'
import type { Signer } from '../../crypto/signer.ts'
import { readAddressRange } from '../../http/address-range.ts'
import type { Client } from '../../model/client.ts'
import type { RequestClient } from '../../telemetry/request-line.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { createUnknownClientError, InvalidClientError, InvalidRequestError } from '../errors.ts'
import { ParameterSchema, readParameter, requireParameter } from '../parameters.ts'
import { assertValidAssertion } from './assertion.ts'
import { isClientSecret } from './client-id.ts'

/** The form parameters that authenticate a client (RFC 6749 §2.3.1, RFC 7521 §4.2). */
export const CREDENTIAL_PARAMETERS = {
  client_id: ParameterSchema,
  client_secret: ParameterSchema,
  client_assertion_type: ParameterSchema,
  client_assertion: ParameterSchema,
}

export type CredentialsForm = {
  [Name in keyof typeof CREDENTIAL_PARAMETERS]?: Static<(typeof CREDENTIAL_PARAMETERS)[Name]>
}

/** The client that a request names, and its one credential, if any. */
export interface ClientCredentials {
  clientId: string
  secret?: string
  assertion?: string
}

/** The request that a client authenticates with. */
export interface ClientRequest {
  headers: { authorization?: string }
  ip: string
  /** Set once the client is found, whether or not it authenticates; for the log line of the request. */
  client: RequestClient | undefined
}

export type ClientAuthenticationContext = Pick<
  AuthorizationServer,
  'findClient' | 'cimd' | 'endpoints' | 'sentryTokens' | 'signer' | 'store'
>

/** RFC 7523 §2.2. */
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

const MAX_ASSERTION_LENGTH = 8192

/**
 * Authenticates the client of a request to the token or revocation endpoint, by the method it registered (RFC 6749
 * §3.2.1). A secret is accepted in the header and in the form, whichever was registered. `grantId` is the grant of the
 * token that the request presents, if any. Throws `InvalidRequestError`, `InvalidClientError`, and transient errors if
 * the store or the client's document is unavailable.
 */
export async function authenticateClient(
  form: CredentialsForm,
  request: ClientRequest,
  server: ClientAuthenticationContext,
  grantId?: string,
): Promise<Client> {
  const { headers, ip } = request
  const credentials = readClientCredentials(form, headers.authorization)
  const { clientId, secret, assertion } = credentials
  const client =
    (await findPublicClient(credentials, grantId, server)) ?? (await server.findClient(clientId, ip))
  if (client === undefined) throw createUnknownClientError()
  request.client = { id: client.id, name: client.name }
  if (assertion !== undefined) {
    if (client.keys === undefined) throw createOtherMethodError(client)
    const context = { ...server, requester: readAddressRange(ip) }
    await assertValidAssertion(assertion, client.keys, client, context)
  } else if (secret !== undefined) {
    assertSecret(secret, client, server.signer)
  } else if (client.tokenEndpointAuthMethod !== 'none') {
    throw new InvalidClientError('The client must authenticate.')
  }
  return client
}

/**
 * The public client of a grant, if it is known by a document: the grant has kept how the client authenticates. A client
 * that is signed in needs its document no more, so that its publisher's outage, or strangers who occupy all fetches,
 * cannot end its sign-in.
 */
async function findPublicClient(
  { clientId, secret, assertion }: ClientCredentials,
  grantId: string | undefined,
  { cimd, store, sentryTokens }: ClientAuthenticationContext,
): Promise<Client | undefined> {
  if (grantId === undefined || secret !== undefined || assertion !== undefined) return undefined
  if (!cimd.isDocumentUrl(clientId)) return undefined
  const grant = await store.readGrant(grantId)
  if (grant?.status !== 'active' || grant.clientId !== clientId) return undefined
  if (grant.clientAuthMethod !== 'none') return undefined
  sentryTokens.assertUnaltered(grant)
  return { id: clientId, name: grant.clientName, redirectUris: [], tokenEndpointAuthMethod: 'none' }
}

/**
 * The credentials of a request (RFC 6749 §2.3, RFC 7523 §2.2). Throws `InvalidRequestError` if they are malformed, or
 * if there is more than one.
 */
export function readClientCredentials(
  form: CredentialsForm,
  authorization: string | undefined,
): ClientCredentials {
  const basic = authorization === undefined ? undefined : parseBasic(authorization)
  const secret = readParameter('client_secret', form.client_secret)
  const assertion = readAssertion(form)
  if ([basic, secret, assertion].filter((credential) => credential !== undefined).length > 1) {
    throw new InvalidRequestError('A client must authenticate in one way only.')
  }
  const named = readParameter('client_id', form.client_id)
  const subject = basic?.clientId ?? (assertion === undefined ? undefined : readSubject(assertion))
  if (subject === undefined) return { clientId: requireParameter('client_id', named), secret }
  if (named !== undefined && named !== subject) {
    throw new InvalidRequestError('client_id is not the client of the credentials.')
  }
  return { clientId: subject, secret: basic?.secret, assertion }
}

function assertSecret(secret: string, client: Client, signer: Signer): void {
  const { id, secretHash, tokenEndpointAuthMethod: method } = client
  if (method !== 'client_secret_basic' && method !== 'client_secret_post')
    throw createOtherMethodError(client)
  const isRight =
    secretHash === undefined ? isClientSecret(secret, id, signer) : isEqual(hashToken(secret), secretHash)
  if (!isRight) throw new InvalidClientError('The client_secret is wrong.')
}

/** Names the method that the client registered: "wrong secret" would mislead a client that has none. */
function createOtherMethodError({ tokenEndpointAuthMethod }: Client): Error {
  return tokenEndpointAuthMethod === 'none'
    ? new InvalidRequestError('This client is public: it sends client_id and no secret.')
    : new InvalidClientError(`The client must authenticate by ${tokenEndpointAuthMethod}.`)
}

/**
 * RFC 6749 §2.3.1: id and secret are form-urlencoded each, then joined as Basic credentials. An empty secret counts as
 * omitted, as it does in a form.
 */
function parseBasic(authorization: string): { clientId: string; secret: string | undefined } {
  const encoded = /^basic +([A-Za-z0-9+/=_-]+) *$/i.exec(authorization)?.[1]
  if (encoded === undefined) throw new InvalidRequestError('The Authorization header must be Basic.')
  const [, id, secret] = /^([^:]+):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? []
  if (id === undefined || secret === undefined) {
    throw new InvalidRequestError('The Basic credentials are malformed.')
  }
  return { clientId: decodeFormText(id), secret: decodeFormText(secret) || undefined }
}

function decodeFormText(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch (cause) {
    throw new InvalidRequestError('The Basic credentials are not form-urlencoded.', { cause })
  }
}

function readAssertion(form: CredentialsForm): string | undefined {
  const assertion = readParameter('client_assertion', form.client_assertion, MAX_ASSERTION_LENGTH)
  const type = readParameter('client_assertion_type', form.client_assertion_type)
  if ((assertion !== undefined || type !== undefined) && type !== ASSERTION_TYPE) {
    throw new InvalidRequestError(`client_assertion_type must be ${ASSERTION_TYPE}.`)
  }
  return type === undefined
    ? undefined
    : requireParameter('client_assertion', assertion, MAX_ASSERTION_LENGTH)
}

/** The `sub` of an assertion (RFC 7523 §3), which is not verified yet. */
function readSubject(assertion: string): string {
  try {
    const { sub } = decodeJwt(assertion)
    if (typeof sub === 'string' && sub !== '') return sub
  } catch (cause) {
    throw new InvalidRequestError('client_assertion is not a JWT.', { cause })
  }
  throw new InvalidRequestError('client_assertion has no sub.')
}
