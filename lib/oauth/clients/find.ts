import type { Client } from '../../model/client.ts'
import type { AuthorizationServer } from '../authorization-server.ts'
import { readClientId } from './client-id.ts'
import { isStoredId, readStoredClient } from './stored.ts'

/**
 * The client with this id, in whichever of four ways it is known: set by the operator, stored at registration, by
 * its metadata document, or by the id itself. Undefined when there is none. Throws `StoreUnavailableError` and
 * what reading a document throws.
 */
export async function findClient(
  id: string,
  { config, store, signer, clientDocuments }: Omit<AuthorizationServer, 'findClient'>,
): Promise<Client | undefined> {
  const configured = config.STATIC_CLIENTS.find((client) => client.id === id)
  if (configured !== undefined) return configured
  if (isStoredId(id)) return readStoredClient(id, store)
  if (clientDocuments.isDocumentId(id)) return clientDocuments.readClient(id)
  return readClientId(id, signer)
}
