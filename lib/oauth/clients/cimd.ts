import type { FastifyBaseLogger } from 'fastify'
import type { JSONWebKeySet } from 'jose'
import type { Client } from '../../model/client.ts'
import { createDocumentCache } from '../../net/document-cache.ts'
import { monitorEgress } from '../../net/egress.ts'
import { fetchDocument } from '../../net/fetch-document.ts'
import { type Network, PUBLIC_NETWORK } from '../../net/network.ts'
import { isMetadataDocumentUrl, parseKeySet, parseMetadataDocument } from './cimd-document.ts'

/**
 * Clients whose id is the URL of their metadata document (CIMD, draft-ietf-oauth-client-id-metadata-document). Reading
 * throws `DocumentUnavailableError` if the document cannot be fetched, which says nothing about the client, and
 * `InvalidClientError` if the document breaks a rule.
 */
export interface CimdClients {
  /** Whether metadata advertises CIMD. Clients that support it then no longer register. */
  isOffered(): boolean
  /** Whether a client id is such a URL. */
  isDocumentUrl(id: string): boolean
  /** `requester` is the address range of the request that names the client; it bounds what is fetched. */
  readClient(url: string, requester: string): Promise<Client>
  /** The keys at a client's `jwks_uri`. */
  readKeys(url: string, requester: string): Promise<JSONWebKeySet>
  /** The same, fetched again unless the last attempt was less than a minute ago. */
  refreshKeys(url: string, requester: string): Promise<JSONWebKeySet>
  /** Keeps what is cached of a client that has a grant, however many other documents are read. */
  keepClient(client: Client): void
  close(): void
}

export interface CimdSettings {
  BASE_URL: string
  CLIENT_ID_METADATA_DOCUMENTS: 'auto' | 'true' | 'false'
}

export interface CimdOptions {
  settings: CimdSettings
  log: Pick<FastifyBaseLogger, 'info'>
  /** Where documents are fetched; tests serve them on loopback. */
  network?: Network
  /** The hosts that must be reachable before `auto` offers CIMD. */
  publishers?: readonly string[]
}

/** The publishers of Claude Code's, Codex's and VS Code's documents. Without its publisher such a client would fail. */
const PUBLISHERS = ['claude.ai', 'chatgpt.com', 'vscode.dev']

const MAX_DOCUMENT_BYTES = 5 * 1024
const MAX_KEY_SET_BYTES = 64 * 1024

export function createCimdClients({
  settings,
  log,
  network = PUBLIC_NETWORK,
  publishers = PUBLISHERS,
}: CimdOptions): CimdClients {
  const mode = settings.CLIENT_ID_METADATA_DOCUMENTS
  const ownOrigin = new URL(settings.BASE_URL).origin
  const watch = mode === 'auto' ? monitorEgress(publishers, { network, onChange: logChange }) : undefined
  const clients = createDocumentCache(
    (url) => fetchDocument(url, { network, maxBytes: MAX_DOCUMENT_BYTES }),
    parseMetadataDocument,
  )
  const keySets = createDocumentCache(
    (url) => fetchDocument(url, { network, maxBytes: MAX_KEY_SET_BYTES }),
    parseKeySet,
  )

  function logChange(reason: unknown): void {
    if (reason === undefined) log.info('client id metadata documents are offered: publishers are reachable')
    else {
      // Without the stack: this is not a failure, since clients register instead.
      const sentence = reason instanceof Error ? reason.message : String(reason)
      log.info(
        { reason: sentence },
        'client id metadata documents are not offered: a publisher is not reachable',
      )
    }
  }

  return {
    isOffered: () => watch?.isOpen() ?? mode === 'true',
    isDocumentUrl: (id) => mode !== 'false' && isMetadataDocumentUrl(id, ownOrigin),
    readClient: clients.read,
    readKeys: keySets.read,
    refreshKeys: keySets.refresh,
    keepClient({ id, keys }) {
      clients.keep(id)
      if (keys !== undefined && 'jwksUri' in keys) keySets.keep(keys.jwksUri)
    },
    close: () => watch?.close(),
  }
}
