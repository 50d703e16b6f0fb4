import { createToken, hashToken, isToken } from '../../crypto/hash.ts'
import type { Client, ClientAuthMethod, ClientRegistration } from '../../model/client.ts'
import type { Store } from '../../store/store.ts'

/** How long an unused registration is kept: a flood of them is gone after a day. */
const UNUSED_TTL_MS = 86_400_000

/** How long a registration is kept after its client last received tokens. */
const USED_TTL_MS = 90 * 86_400_000

const PREFIX = 'c2.'

/** What a client receives at registration: its id, and a secret if it asked for one. */
export interface IssuedCredentials {
  clientId: string
  clientSecret?: string
}

/** Whether an id has the form of the ids that `storeClient` issues. */
export function isStoredId(id: string): boolean {
  return id.startsWith(PREFIX) && isToken(id.slice(PREFIX.length))
}

/**
 * Stores a registration that cannot be encoded in its id, because it has a secret or is too long. The store keeps only
 * the hash of the secret. Throws `StoreUnavailableError`.
 */
export async function storeClient(
  registration: ClientRegistration,
  store: Pick<Store, 'saveClient'>,
): Promise<IssuedCredentials> {
  const clientId = `${PREFIX}${createToken()}`
  const clientSecret = registration.tokenEndpointAuthMethod === 'none' ? undefined : createToken()
  const { name, redirectUris, tokenEndpointAuthMethod } = registration
  const record = { name, redirectUris: [...redirectUris], tokenEndpointAuthMethod }
  if (clientSecret === undefined) {
    await store.saveClient(clientId, record, UNUSED_TTL_MS)
    return { clientId }
  }
  await store.saveClient(clientId, { ...record, secretHash: hashToken(clientSecret) }, UNUSED_TTL_MS)
  return { clientId, clientSecret }
}

/** The stored client with this id; undefined if there is none. Throws `StoreUnavailableError`. */
export async function readStoredClient(
  id: string,
  store: Pick<Store, 'readClient'>,
): Promise<Client | undefined> {
  const record = await store.readClient(id, UNUSED_TTL_MS)
  if (record === undefined) return undefined
  return { ...record, id, tokenEndpointAuthMethod: record.tokenEndpointAuthMethod as ClientAuthMethod }
}

/** Extends a stored client that receives tokens. Naming a client is not use, since anyone can name it. */
export async function extendStoredClient(id: string, store: Pick<Store, 'readClient'>): Promise<void> {
  if (isStoredId(id)) await store.readClient(id, USED_TTL_MS)
}
