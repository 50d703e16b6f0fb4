import type { FastifyBaseLogger } from 'fastify'
import type { JSONWebKeySet } from 'jose'
import type { Config } from '../../config/load.ts'
import type { Client } from '../../model/client.ts'
import { createDocumentCache } from '../../net/document-cache.ts'
import { monitorEgress } from '../../net/egress.ts'
import { fetchDocument } from '../../net/fetch-document.ts'
import { type Network, PUBLIC_NETWORK } from '../../net/network.ts'
import { isMetadataDocumentUrl, parseMetadataDocument } from './cimd-document.ts'
import { parseKeySet } from './keys.ts'

/**
 * Clients whose id is the URL of a document about them (draft-ietf-oauth-client-id-metadata-document). Reading
 * throws `DocumentUnavailableError` when a document cannot be had, which says nothing about the client, and
 * `InvalidClientError` when it says something that no client may.
 */
export interface ClientDocuments {
  /** Whether clients are told that they may come this way. Those that are stop registering. */
  isOffered(): boolean
  /** Whether an id is such a URL. */
  isDocumentId(id: string): boolean
  readClient(url: string): Promise<Client>
  /** The keys at a client's `jwks_uri`. */
  readKeys(url: string): Promise<JSONWebKeySet>
  /** The same, fetched anew unless that was tried within the last minute. */
  readKeysAnew(url: string): Promise<JSONWebKeySet>
  close(): void
}

export interface ClientDocumentsOptions {
  config: Pick<Config, 'BASE_URL' | 'CLIENT_ID_METADATA_DOCUMENTS'>
  log: Pick<FastifyBaseLogger, 'info'>
  /** How documents are reached; tests have them on loopback. */
  network?: Network
  /** Who has to be within reach before `auto` offers documents. */
  publishers?: readonly string[]
}

/** The publishers of Claude Code's, Codex's and VS Code's documents: without any of them its client would fail. */
const PUBLISHERS = ['claude.ai', 'chatgpt.com', 'vscode.dev']

const MAX_DOCUMENT = 5 * 1024
const MAX_KEY_SET = 64 * 1024

export function createClientDocuments({
  config,
  log,
  network = PUBLIC_NETWORK,
  publishers = PUBLISHERS,
}: ClientDocumentsOptions): ClientDocuments {
  const mode = config.CLIENT_ID_METADATA_DOCUMENTS
  const ownOrigin = new URL(config.BASE_URL).origin
  const watch = mode === 'auto' ? monitorEgress(publishers, { network, onChange: logChange }) : undefined
  const clients = createDocumentCache(
    (url) => fetchDocument(url, { network, maxBytes: MAX_DOCUMENT }),
    parseMetadataDocument,
  )
  const keySets = createDocumentCache(
    (url) => fetchDocument(url, { network, maxBytes: MAX_KEY_SET }),
    parseKeySet,
  )

  function logChange(reason: unknown): void {
    if (reason === undefined)
      log.info('client id metadata documents are offered: their publishers can be reached')
    else
      log.info({ err: reason }, 'client id metadata documents are not offered: a publisher cannot be reached')
  }

  return {
    isOffered: () => watch?.isOpen() ?? mode === 'true',
    isDocumentId: (id) => mode !== 'false' && isMetadataDocumentUrl(id, ownOrigin),
    readClient: clients.read,
    readKeys: keySets.read,
    readKeysAnew: keySets.refresh,
    close: () => watch?.close(),
  }
}
