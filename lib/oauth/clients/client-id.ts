import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import type { Signer } from '../../crypto/signer.ts'
import type { Client, ClientRegistration } from '../../model/client.ts'

/** The longest id that fits into an authorization request behind every common proxy. */
const MAX_LENGTH = 2000

const MAC_LENGTH = 28

const ContentSchema = Type.Object({ n: Type.String(), r: Type.Array(Type.String(), { minItems: 1 }) })

/**
 * Encodes the registration of a public client in its `client_id` (RFC 7591 Appendix A.5.2), with a MAC over it:
 * registering writes nothing, and an emptied store forgets no client. The same registration always gets the same id
 * (RFC 7591 §3.2.1 allows that), so a client that registers at every start is still recognized. Undefined if the id
 * would be too long.
 */
export function createClientId(registration: ClientRegistration, signer: Signer): string | undefined {
  const content: Static<typeof ContentSchema> = {
    n: registration.name,
    r: [...registration.redirectUris],
  }
  const body = Buffer.from(JSON.stringify(content)).toString('base64url')
  const id = `c1.${body}.${signer.createMac('client-id', body)}`
  return id.length > MAX_LENGTH ? undefined : id
}

/** Decodes the client in an id. Undefined if `createClientId` did not make the id. */
export function readClientId(id: string, signer: Signer): Client | undefined {
  const [version, body, mac, ...rest] = id.split('.')
  if (version !== 'c1' || body === undefined || mac?.length !== MAC_LENGTH || rest.length > 0)
    return undefined
  if (!signer.verifyMac('client-id', body, mac)) return undefined
  const content: unknown = JSON.parse(Buffer.from(body, 'base64url').toString())
  if (!Value.Check(ContentSchema, content)) return undefined
  return { id, name: content.n, redirectUris: content.r, tokenEndpointAuthMethod: 'none' }
}
