import { randomBytes } from 'node:crypto'
import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import type { Signer } from '../../crypto/signer.ts'
import type { Client, ClientRegistration } from '../../model/client.ts'

/** What client ids are made with. An id is valid at the issuer that made it only. */
export interface ClientIdContext {
  issuer: string
  signer: Signer
}

/** The longest id that fits into an authorization request behind every common proxy. */
const MAX_LENGTH = 2000

const MAC_LENGTH = 28

const RANDOM_BYTES = 16

/** A registration. `a`, the authentication method, and `x`, random bits, are those of a confidential client. */
const ContentSchema = Type.Object({
  n: Type.String(),
  r: Type.Array(Type.String(), { minItems: 1 }),
  a: Type.Optional(Type.Union([Type.Literal('client_secret_basic'), Type.Literal('client_secret_post')])),
  x: Type.Optional(Type.String()),
})

/**
 * Encodes a registration in its `client_id` (RFC 7591 Appendix A.5.2), with a MAC over it and the issuer: registering
 * writes nothing, and an emptied store forgets no client. The same registration of a public client always gets the same
 * id (RFC 7591 §3.2.1 allows that), so a client that registers at every start is still recognized. A confidential
 * client's id also has 128 random bits, since its secret follows from it. Undefined if the id would be too long.
 */
export function createClientId(
  { name, redirectUris, tokenEndpointAuthMethod: method }: ClientRegistration,
  { issuer, signer }: ClientIdContext,
): string | undefined {
  const content: Static<typeof ContentSchema> = {
    n: name,
    r: [...redirectUris],
    ...((method === 'client_secret_basic' || method === 'client_secret_post') && {
      a: method,
      x: randomBytes(RANDOM_BYTES).toString('base64url'),
    }),
  }
  const body = Buffer.from(JSON.stringify(content)).toString('base64url')
  const id = `c1.${body}.${signer.createMac('client-id', formatMacText(issuer, body))}`
  return id.length > MAX_LENGTH ? undefined : id
}

/** Decodes the client in an id. Undefined if `createClientId` did not make the id for this issuer. */
export function readClientId(id: string, { issuer, signer }: ClientIdContext): Client | undefined {
  const [version, body, mac, ...rest] = id.split('.')
  if (version !== 'c1' || body === undefined || mac?.length !== MAC_LENGTH || rest.length > 0)
    return undefined
  if (!signer.verifyMac('client-id', formatMacText(issuer, body), mac)) return undefined
  const content: unknown = JSON.parse(Buffer.from(body, 'base64url').toString())
  if (!Value.Check(ContentSchema, content)) return undefined
  return { id, name: content.n, redirectUris: content.r, tokenEndpointAuthMethod: content.a ?? 'none' }
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
