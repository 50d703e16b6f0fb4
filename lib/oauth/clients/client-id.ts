import { randomBytes } from 'node:crypto'
import type { Signer } from '../../crypto/signer.ts'
import type { Client, ClientAuthMethod, ClientRegistration } from '../../model/client.ts'

/** What client ids are made with. An id is valid at the issuer that made it only. */
export interface ClientIdContext {
  issuer: string
  signer: Signer
}

/** The longest id that fits into an authorization request behind every common proxy. */
const MAX_LENGTH = 2000

const MAC_LENGTH = 28

const RANDOM_BYTES = 16

/**
 * Encodes a registration in its `client_id` (RFC 7591 Appendix A.5.2), with a MAC over it and the issuer: registering
 * writes nothing, and an emptied store forgets no client. Name and redirect URIs are lines, for an id that is short:
 * clients keep it twice, also in their access token. Neither has a line break. The same registration of a public client always gets the same
 * id (RFC 7591 §3.2.1 allows that), so a client that registers at every start is still recognized. A confidential
 * client's id also has 128 random bits, since its secret follows from it. Undefined if the id would be too long.
 */
export function createClientId(
  { name, redirectUris, tokenEndpointAuthMethod: method }: ClientRegistration,
  { issuer, signer }: ClientIdContext,
): string | undefined {
  const lines = [name, ...redirectUris]
  const isConfidential = method === 'client_secret_basic' || method === 'client_secret_post'
  if (isConfidential) lines.push('', method, randomBytes(RANDOM_BYTES).toString('base64url'))
  const body = Buffer.from(lines.join('\n')).toString('base64url')
  if ('c1..'.length + body.length + MAC_LENGTH > MAX_LENGTH) return undefined
  return `c1.${body}.${signer.createMac('client-id', formatMacText(issuer, body))}`
}

/** Decodes the client in an id. Undefined if `createClientId` did not make the id for this issuer. */
export function readClientId(id: string, { issuer, signer }: ClientIdContext): Client | undefined {
  const [version, body, mac, ...rest] = id.split('.')
  if (version !== 'c1' || body === undefined || mac?.length !== MAC_LENGTH || rest.length > 0)
    return undefined
  if (!signer.verifyMac('client-id', formatMacText(issuer, body), mac)) return undefined
  return readContent(id, Buffer.from(body, 'base64url').toString())
}

function readContent(id: string, content: string): Client | undefined {
  const [registration = '', confidential = 'none'] = content.split('\n\n')
  const [name, ...redirectUris] = registration.split('\n')
  const [method = ''] = confidential.split('\n')
  if (name === undefined || redirectUris.length === 0 || !isAuthMethod(method)) return undefined
  return { id, name, redirectUris, tokenEndpointAuthMethod: method }
}

function isAuthMethod(method: string): method is ClientAuthMethod {
  return ['none', 'client_secret_basic', 'client_secret_post'].includes(method)
}

/** The secret of a registered confidential client, which nothing stores: 128 bits of an HMAC over its whole id. */
export function createClientSecret(id: string, signer: Signer): string {
  return signer.createMac('client-secret', id)
}

/** Whether `createClientSecret` made a secret for this id. */
export function isClientSecret(secret: string, id: string, signer: Signer): boolean {
  return signer.verifyMac('client-secret', id, secret)
}

/** A base URL has no space, so the two parts cannot be confused. */
function formatMacText(issuer: string, body: string): string {
  return `${issuer} ${body}`
}
