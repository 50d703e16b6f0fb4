import type { Signer } from '../../crypto/signer.ts'
import type { Client } from '../../model/client.ts'
import type { Store } from '../../store/store.ts'
import type { CimdClients } from './cimd.ts'
import { readClientId } from './client-id.ts'
import { isStoredId, readStoredClient } from './stored.ts'

/** Where clients are found: the four ways in which this server knows a client. */
export interface ClientSources {
  staticClients: readonly Client[]
  store: Pick<Store, 'readClient'>
  cimd: Pick<CimdClients, 'isDocumentUrl' | 'readClient'>
  signer: Signer
}

/**
 * The client with this id: static, stored at registration, published as a metadata document, or contained in the id
 * itself. Undefined if there is none. Throws `StoreUnavailableError`, and what reading a document throws.
 */
export async function findClient(
  id: string,
  { staticClients, store, cimd, signer }: ClientSources,
): Promise<Client | undefined> {
  const configured = staticClients.find((client) => client.id === id)
  if (configured !== undefined) return configured
  if (isStoredId(id)) return readStoredClient(id, store)
  if (cimd.isDocumentUrl(id)) return cimd.readClient(id)
  return readClientId(id, signer)
}
