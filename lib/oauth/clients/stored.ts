import { createToken, hashToken } from '../../crypto/hash.ts'
import type { Client, ClientAuthMethod, ClientRegistration } from '../../model/client.ts'
import type { Store } from '../../store/store.ts'
import type { Credentials } from './registration.ts'

/** How long a registration holds that nobody has signed in with, in ms: a flood of them is gone after a day. */
const UNUSED_TTL = 86_400_000

/** How long a registration holds after its client was last given tokens, in ms. */
const USED_TTL = 90 * 86_400_000

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
    await store.saveClient(clientId, record, UNUSED_TTL)
    return { clientId }
  }
  await store.saveClient(clientId, { ...record, secretHash: hashToken(clientSecret) }, UNUSED_TTL)
  return { clientId, clientSecret }
}

/** The stored client with this id; undefined when it never was or has ended. Throws `StoreUnavailableError`. */
export async function readStoredClient(id: string, store: Store): Promise<Client | undefined> {
  const record = await store.readClient(id, UNUSED_TTL)
  if (record === undefined) return undefined
  return { ...record, id, tokenEndpointAuthMethod: record.tokenEndpointAuthMethod as ClientAuthMethod }
}

/** Lets a stored client go on for as long as one in use. Anybody can name a client, so only tokens count as use. */
export async function keepStoredClient(id: string, store: Store): Promise<void> {
  if (isStoredId(id)) await store.readClient(id, USED_TTL)
}
