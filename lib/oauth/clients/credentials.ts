import { decodeJwt } from 'jose'
import type { Static } from 'typebox'
import { InvalidRequestError } from '../errors.ts'
import { ParameterSchema, readParameter, requireParameter } from '../parameters.ts'

/** The parameters of a form by which a client proves itself (RFC 6749 §2.3.1, RFC 7521 §4.2). */
export const CREDENTIAL_PARAMETERS = {
  client_id: ParameterSchema,
  client_secret: ParameterSchema,
  client_assertion_type: ParameterSchema,
  client_assertion: ParameterSchema,
}

export type CredentialsForm = {
  [Name in keyof typeof CREDENTIAL_PARAMETERS]?: Static<(typeof CREDENTIAL_PARAMETERS)[Name]>
}

/** How a request names its client, and the one proof that it brings, if any. */
export interface ClientCredentials {
  clientId: string
  secret?: string
  assertion?: string
}

/** RFC 7523 §2.2. */
const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

const MAX_ASSERTION_LENGTH = 8192

/**
 * The credentials of a request (RFC 6749 §2.3, RFC 7523 §2.2). Throws `InvalidRequestError` where they are not of
 * their form, or there is more than one proof.
 */
export function readClientCredentials(
  form: CredentialsForm,
  authorization: string | undefined,
): ClientCredentials {
  const basic = authorization === undefined ? undefined : readBasic(authorization)
  const secret = readParameter('client_secret', form.client_secret)
  const assertion = readAssertion(form)
  if ([basic, secret, assertion].filter((proof) => proof !== undefined).length > 1) {
    throw new InvalidRequestError('A client proves itself in one way only.')
  }
  const named = readParameter('client_id', form.client_id)
  const proven = basic?.clientId ?? (assertion === undefined ? undefined : readSubject(assertion))
  if (proven === undefined) return { clientId: requireParameter('client_id', named), secret }
  if (named !== undefined && named !== proven) {
    throw new InvalidRequestError('client_id is not the client that the credentials are for.')
  }
  return { clientId: proven, secret: basic?.secret, assertion }
}

/**
 * RFC 6749 §2.3.1: id and secret are form-urlencoded each, and then made Basic credentials. An empty secret counts
 * as left out, as it does in a form.
 */
function readBasic(authorization: string): { clientId: string; secret: string | undefined } {
  const encoded = /^basic +([A-Za-z0-9+/=_-]+) *$/i.exec(authorization)?.[1]
  if (encoded === undefined) throw new InvalidRequestError('The Authorization header must be Basic.')
  const [, id, secret] = /^([^:]+):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? []
  if (id === undefined || secret === undefined) {
    throw new InvalidRequestError('The Basic credentials are not of their form.')
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

/** Whom an assertion says it is by (RFC 7523 §3, sub). Nothing about it is proven yet. */
function readSubject(assertion: string): string {
  try {
    const { sub } = decodeJwt(assertion)
    if (typeof sub === 'string' && sub !== '') return sub
  } catch (cause) {
    throw new InvalidRequestError('client_assertion is no JWT.', { cause })
  }
  throw new InvalidRequestError('client_assertion has no sub.')
}
