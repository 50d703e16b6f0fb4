import { setTimeout as sleep } from 'node:timers/promises'
import { type Test, test } from 'tap'
import type { Network } from '../../../../lib/net/network.ts'
import { createCimdClients } from '../../../../lib/oauth/clients/cimd.ts'
import { respondWithJson, startDocumentHost } from '../../../support/document-host.ts'

const BASE_URL = 'https://mcp.example.com'
const ID = 'https://client.example/client.json'

function open(t: Test, mode: 'auto' | 'true' | 'false', network: Network, publishers?: string[]) {
  const lines: string[] = []
  const log = { info: (...line: unknown[]) => void lines.push(String(line.at(-1))) }
  const settings = { BASE_URL, CLIENT_ID_METADATA_DOCUMENTS: mode }
  const documents = createCimdClients({ settings, log, network, publishers })
  t.teardown(() => documents.close())
  return { documents, lines }
}

async function waitFor(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition() && waited < 5_000; waited += 20) await sleep(20)
}

test('mode true offers CIMD at once, mode false never does', async (t) => {
  const host = await startDocumentHost(t)
  const on = open(t, 'true', host.network).documents
  t.equal(on.isOffered(), true)
  t.equal(on.isDocumentUrl(ID), true)
  t.equal(on.isDocumentUrl(`${BASE_URL}/client.json`), false, 'our own host publishes no clients')
  const off = open(t, 'false', host.network).documents
  t.equal(off.isOffered(), false)
  t.equal(off.isDocumentUrl(ID), false)
  t.equal(host.connections, 0, 'neither looks out')
})

test('mode auto offers CIMD once every publisher is reachable, and logs it', async (t) => {
  const host = await startDocumentHost(t)
  const { documents, lines } = open(t, 'auto', host.network, [`client.example:${host.port}`])
  t.equal(documents.isOffered(), false, 'starting waits for nothing')
  await waitFor(documents.isOffered)
  t.equal(documents.isOffered(), true)
  t.match(lines, [/are offered/])
})

test('mode auto without egress offers no CIMD, but still reads reachable documents', async (t) => {
  const host = await startDocumentHost(t)
  const places = [`client.example:${host.port}`, 'client.example:1']
  const { documents, lines } = open(t, 'auto', host.network, places)
  await waitFor(() => lines.length > 0)
  t.equal(documents.isOffered(), false)
  t.match(lines, [/are not offered/])
  const id = host.locate('/client.json')
  t.equal(documents.isDocumentUrl(id), true, 'for a client that was told otherwise a minute ago')
  const document = { client_id: id, client_name: 'A client', redirect_uris: ['http://localhost/callback'] }
  host.pages.set('/client.json', respondWithJson(document))
  t.match(await documents.readClient(id, 'requester'), { id, documentUrl: id })
})

test('a document has at most 5 KiB, a key set may be longer', async (t) => {
  const host = await startDocumentHost(t)
  const { documents } = open(t, 'true', host.network)
  const id = host.locate('/client.json')
  const keys = Array.from({ length: 20 }, () => ({ kty: 'RSA', n: 'x'.repeat(500), e: 'AQAB' }))
  host.pages.set('/client.json', respondWithJson({ client_id: id, client_name: 'x'.repeat(6_000) }))
  host.pages.set('/keys', respondWithJson({ keys }))
  host.pages.set('/no-keys', respondWithJson({ keys: 'none' }))
  await t.rejects(documents.readClient(id, 'requester'), { name: 'DocumentUnavailableError' })
  t.equal((await documents.readKeys(host.locate('/keys'), 'requester')).keys.length, 20)
  await t.rejects(documents.readKeys(host.locate('/no-keys'), 'requester'), { code: 'invalid_client' })
})
