import { decodeJwt } from 'jose'
import type { Static } from 'typebox'
import { hashToken, isEqual } from '../../crypto/hash.ts'
import type { Client } from '../../model/client.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { createUnknownClientError, InvalidClientError, InvalidRequestError } from '../errors.ts'
import { ParameterSchema, readParameter, requireParameter } from '../parameters.ts'
import { type AssertionContext, assertValidAssertion } from './assertion.ts'

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

/** RFC 7523 §2.2. */
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

const MAX_ASSERTION_LENGTH = 8192

/**
 * Authenticates the client of a request to the token or revocation endpoint, by the method it registered (RFC 6749
 * §3.2.1). A secret is accepted in the header and in the form, whichever was registered. Throws `InvalidRequestError`,
 * `InvalidClientError`, and transient errors if the store or the client's document is unavailable.
 */
export async function authenticateClient(
  form: CredentialsForm,
  authorization: string | undefined,
  server: Pick<AuthorizationServer, 'findClient'> & AssertionContext,
): Promise<Client> {
  const { clientId, secret, assertion } = readClientCredentials(form, authorization)
  const client = await server.findClient(clientId)
  if (client === undefined) throw createUnknownClientError()
  if (assertion !== undefined) {
    if (client.keys === undefined) throw createOtherMethodError(client)
    await assertValidAssertion(assertion, client.keys, client, server)
  } else if (secret !== undefined) {
    assertSecret(secret, client)
  } else if (client.tokenEndpointAuthMethod !== 'none') {
    throw new InvalidClientError('The client must authenticate.')
  }
  return client
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

function assertSecret(secret: string, client: Client): void {
  if (client.secretHash === undefined) throw createOtherMethodError(client)
  if (!isEqual(hashToken(secret), client.secretHash)) {
    throw new InvalidClientError('The client_secret is wrong.')
  }
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
