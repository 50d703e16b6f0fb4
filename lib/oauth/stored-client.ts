import { createToken, hashToken } from '../crypto/hash.ts'
import type { Store } from '../store/store.ts'
import type { Client, ClientAuthMethod, ClientRegistration } from './client.ts'
import type { Credentials } from './client-registration.ts'

/** How long a stored registration holds without use, in ms. */
const CLIENT_TTL = 90 * 86_400_000

const STORED_ID = /^c2\.[A-Za-z0-9_-]{43}$/

/** Whether an id has the form of those that `storeClient` gives out. */
export function isStoredId(id: string): boolean {
  return STORED_ID.test(id)
}

/**
 * Stores a registration that cannot be its own id: it has a secret, or is too long. The secret is known to the
 * client alone. Throws `StoreUnavailableError`.
 */
export async function storeClient(registration: ClientRegistration, store: Store): Promise<Credentials> {
  const clientId = `c2.${createToken()}`
  const clientSecret = registration.tokenEndpointAuthMethod === 'none' ? undefined : createToken()
  const { name, redirectUris, tokenEndpointAuthMethod } = registration
  const record = { name, redirectUris: [...redirectUris], tokenEndpointAuthMethod }
  if (clientSecret === undefined) {
    await store.saveClient(clientId, record, CLIENT_TTL)
    return { clientId }
  }
  await store.saveClient(clientId, { ...record, secretHash: hashToken(clientSecret) }, CLIENT_TTL)
  return { clientId, clientSecret }
}

/** The stored client with this id; undefined when it never was or has ended. Throws `StoreUnavailableError`. */
export async function readStoredClient(id: string, store: Store): Promise<Client | undefined> {
  const record = await store.readClient(id, CLIENT_TTL)
  if (record === undefined) return undefined
  return { ...record, id, tokenEndpointAuthMethod: record.tokenEndpointAuthMethod as ClientAuthMethod }
}
