import { type Client, SENTRY_BEARER_CLIENT } from '../../model/client.ts'
import type { CimdClients } from './cimd.ts'
import { type ClientIdContext, readClientId } from './client-id.ts'
import { isStoredId, readStoredClient, type StoredClientContext } from './stored.ts'

/** How this server came to know a client: from STATIC_CLIENTS, a metadata document, or a registration. */
export type ClientKind = 'static' | 'cimd' | 'dcr' | 'sentry_bearer'

/** The kind of the client with this id, which is one that this server has known. */
export function findClientKind(id: string, staticClients: readonly Client[]): ClientKind {
  if (staticClients.some((client) => client.id === id)) return 'static'
  if (id === SENTRY_BEARER_CLIENT) return 'sentry_bearer'
  return id.startsWith('https://') ? 'cimd' : 'dcr'
}

/** Where clients are found: the four ways in which this server knows a client. */
export interface ClientSources extends ClientIdContext, StoredClientContext {
  staticClients: readonly Client[]
  cimd: Pick<CimdClients, 'isDocumentUrl' | 'readClient'>
}

/**
 * The client with this id: static, stored at registration, published as a metadata document, or contained in the id
 * itself. Undefined if there is none. `requester` is the address range of the request. Throws `StoreUnavailableError`,
 * `UnsealError`, and what reading a document throws.
 */
export async function findClient(
  id: string,
  requester: string,
  sources: ClientSources,
): Promise<Client | undefined> {
  const configured = sources.staticClients.find((client) => client.id === id)
  if (configured !== undefined) return configured
  if (isStoredId(id)) return readStoredClient(id, sources)
  if (sources.cimd.isDocumentUrl(id)) return sources.cimd.readClient(id, requester)
  return readClientId(id, sources)
}
