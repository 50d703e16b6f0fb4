import { createToken, isToken } from '../../crypto/hash.ts'
import type { Sealer } from '../../crypto/sealer.ts'
import type { Client, ClientAuthMethod, ClientRegistration } from '../../model/client.ts'
import type { ClientRecord, Store } from '../../store/store.ts'
import { InvalidClientMetadataError } from '../errors.ts'

/** How long an unused registration is kept: a flood of them is gone after an hour. */
const UNUSED_TTL_MS = 3_600_000

/** How long a registration is kept after its client last received tokens. */
const USED_TTL_MS = 90 * 86_400_000

/** The longest registration, in bytes: with its seal, its key and what Redis adds, it takes less than 4 KiB. */
const MAX_BYTES = 3_430

const PREFIX = 'c2.'

/** The store of registrations that do not fit into an id, which seals them against changes. */
export interface StoredClientContext {
  store: Pick<Store, 'saveClient' | 'readClient'>
  sealer: Sealer
}

/** Whether an id has the form of the ids that `storeClient` issues. */
export function isStoredId(id: string): boolean {
  return id.startsWith(PREFIX) && isToken(id.slice(PREFIX.length))
}

/** Throws `InvalidClientMetadataError` if a registration is too long for the store, which costs no sealing. */
export function assertStorable({ name, redirectUris, tokenEndpointAuthMethod }: ClientRegistration): void {
  const content = JSON.stringify({ name, redirectUris, tokenEndpointAuthMethod })
  if (Buffer.byteLength(content) <= MAX_BYTES) return
  throw new InvalidClientMetadataError(
    'The registration is too long. Register fewer or shorter redirect_uris.',
  )
}

/**
 * Stores a registration that is too long for an id and not for the store (`assertStorable`), and returns an id for it.
 * Throws `StoreUnavailableError`.
 */
export async function storeClient(
  { name, redirectUris, tokenEndpointAuthMethod }: ClientRegistration,
  { store, sealer }: StoredClientContext,
): Promise<string> {
  const id = `${PREFIX}${createToken()}`
  const content = { name, redirectUris: [...redirectUris], tokenEndpointAuthMethod }
  const record = { ...content, seal: sealer.seal('', formatContext(id, content)) }
  await store.saveClient(id, record, UNUSED_TTL_MS)
  return id
}

/**
 * The stored client with this id; undefined if there is none. Throws `StoreUnavailableError`, and `UnsealError` if the
 * record was changed in the store.
 */
export async function readStoredClient(
  id: string,
  { store, sealer }: StoredClientContext,
): Promise<Client | undefined> {
  const record = await store.readClient(id, UNUSED_TTL_MS)
  if (record === undefined) return undefined
  const { seal, ...content } = record
  sealer.open(seal, formatContext(id, content))
  return { ...content, id, tokenEndpointAuthMethod: content.tokenEndpointAuthMethod as ClientAuthMethod }
}

/** Extends a stored client that receives tokens. Naming a client is not use, since anyone can name it. */
export async function extendStoredClient(id: string, store: Pick<Store, 'readClient'>): Promise<void> {
  if (isStoredId(id)) await store.readClient(id, USED_TTL_MS)
}

function formatContext(id: string, content: Omit<ClientRecord, 'seal'>): string {
  const { name, redirectUris, tokenEndpointAuthMethod } = content
  return `client ${JSON.stringify([id, name, redirectUris, tokenEndpointAuthMethod])}`
}
