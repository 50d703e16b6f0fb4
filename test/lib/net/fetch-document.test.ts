import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { gzipSync } from 'node:zlib'
import { type Test, test } from 'tap'
import { fetchDocument } from '../../../lib/net/fetch-document.ts'
import { isPublicAddress, type Network } from '../../../lib/net/network.ts'
import { respondWithJson, startDocumentHost } from '../../support/document-host.ts'
import { FORBIDDEN_ADDRESSES } from './forbidden-addresses.ts'

const MAX = 5 * 1024

/** Why a fetch failed. */
async function findReason(url: string, network: Network): Promise<string> {
  try {
    await fetchDocument(url, { network, maxBytes: MAX })
    return 'it was fetched'
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'DocumentUnavailableError') throw error
    return error.cause instanceof Error ? error.cause.message : String(error.cause)
  }
}

/** A port on every address of this machine, and the number of connections to it. */
async function startListener(t: Test, host: string) {
  const listener = { port: 0, connections: 0 }
  const server = createServer((socket) => {
    listener.connections += 1
    socket.destroy()
  })
  server.listen(0, host)
  await once(server, 'listening')
  t.teardown(() => server.close())
  listener.port = (server.address() as AddressInfo).port
  return listener
}

const lead = (...addresses: string[]): Network => ({
  resolve: async () => addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
  isAllowedAddress: isPublicAddress,
})

test('a name that resolves to a non-public address is never connected to (SSRF, PrefectHQ/fastmcp#4400, #4426)', async (t) => {
  const listener = await startListener(t, '::')
  const url = `https://target.example:${listener.port}/client.json`
  const addresses = Object.values(FORBIDDEN_ADDRESSES).flat()
  t.ok(addresses.length >= 100)
  for (const address of addresses) {
    t.match(await findReason(url, lead(address)), 'is not allowed', address)
  }
  t.match(await findReason(url, lead('8.8.8.8', '127.0.0.1')), 'resolves to 127.0.0.1', 'one of several')
  t.match(await findReason(url, lead()), 'has no address')
  t.equal(listener.connections, 0)
  await findReason(url, { ...lead('127.0.0.1'), isAllowedAddress: () => true })
  t.equal(listener.connections, 1, 'the listener would have noticed')
})

test('an address in the URL is never connected to', async (t) => {
  const listener = await startListener(t, '::')
  const hosts = [
    '127.0.0.1',
    '[::1]',
    '[::ffff:127.0.0.1]',
    '2130706433',
    '0x7f.1',
    '127.1',
    '0177.0.0.1',
    '0',
  ]
  const anywhere = { ...lead('127.0.0.1'), isAllowedAddress: () => true }
  for (const host of hosts) {
    t.match(await findReason(`https://${host}:${listener.port}/x`, anywhere), 'Only named hosts', host)
  }
  t.match(await findReason(`http://target.example:${listener.port}/x`, anywhere), 'Only https')
  t.equal(listener.connections, 0)
})

test('the address that was checked is the one connected to (DNS rebinding)', async (t) => {
  const host = await startDocumentHost(t)
  const inner = await startListener(t, '127.0.0.2')
  host.pages.set('/x', respondWithJson({ good: true }))
  let lookups = 0
  const network: Network = {
    ...host.network,
    resolve: async () => {
      lookups += 1
      return [{ address: lookups === 1 ? '127.0.0.1' : '127.0.0.2', family: 4 }]
    },
  }
  t.match(await fetchDocument(host.locate('/x'), { network, maxBytes: MAX }), { content: { good: true } })
  t.equal(lookups, 1)
  t.match(await findReason(host.locate('/x'), network), 'resolves to 127.0.0.2', 'no connection is reused')
  t.equal(inner.connections, 0)
})

test('of several addresses, one that accepts the connection is used', async (t) => {
  const host = await startDocumentHost(t)
  host.pages.set('/x', respondWithJson({ good: true }))
  const network: Network = {
    ...host.network,
    resolve: async () => [
      { address: '::1', family: 6 },
      { address: '127.0.0.1', family: 4 },
    ],
    isAllowedAddress: () => true,
  }
  t.match(await fetchDocument(host.locate('/x'), { network, maxBytes: MAX }), { content: { good: true } })
})

test('only a 200 response with JSON in UTF-8 is a document, and redirects are not followed', async (t) => {
  const host = await startDocumentHost(t)
  const respond =
    (status: number, headers: Record<string, string>, body: string | Buffer = '{}'): RequestListener =>
    (_request, response) =>
      response.writeHead(status, headers).end(body)
  const json = { 'content-type': 'application/json' }
  host.pages.set('/good', respondWithJson({}))
  const cases: [string, RequestListener, RegExp][] = [
    ['a redirect to itself', respond(302, { ...json, location: host.locate('/good') }), /status 302/],
    ['a permanent one', respond(308, { ...json, location: host.locate('/good') }), /status 308/],
    ['not found', respond(404, json), /status 404/],
    ['an outage', respond(503, json), /status 503/],
    ['no content', respond(204, {}, ''), /status 204/],
    ['part of it', respond(206, json), /status 206/],
    ['HTML', respond(200, { 'content-type': 'text/html' }), /not JSON/],
    ['text', respond(200, { 'content-type': 'text/plain; x=application/json' }), /not JSON/],
    ['no type', respond(200, {}), /not JSON/],
    ['broken JSON', respond(200, json, '{"client_id":'), /JSON/],
    ['Latin-1', respond(200, json, Buffer.from([0x22, 0xe9, 0x22])), /encoded data was not valid/],
    ['gzip', respond(200, { ...json, 'content-encoding': 'gzip' }, gzipSync('{}')), /encoded data was not/],
    ['one byte too much', respond(200, json, `"${'x'.repeat(MAX - 1)}"`), /longer than 5120 bytes/],
    [
      'more than it says',
      (_request, response) => {
        response.writeHead(200, json)
        for (let sent = 0; sent < 100; sent += 1) response.write(' '.repeat(1024))
        response.end('{}')
      },
      /longer than 5120 bytes/,
    ],
    ['a broken connection', (_request, response) => response.socket?.destroy(), /socket hang up|ECONNRESET/],
  ]
  for (const [what, listener, reason] of cases) {
    host.pages.set('/x', listener)
    t.match(await findReason(host.locate('/x'), host.network), reason, what)
  }
  t.notOk(host.requests.includes('/good'))
  for (const type of ['application/json', 'application/cimd+json', 'Application/JSON; charset=utf-8']) {
    host.pages.set('/x', respond(200, { 'content-type': type }))
    t.equal(await findReason(host.locate('/x'), host.network), 'it was fetched', type)
  }
  host.pages.set('/x', respond(200, json, `"${'x'.repeat(MAX - 2)}"`))
  t.equal(await findReason(host.locate('/x'), host.network), 'it was fetched', '5 KiB')
})

test('a host without a valid certificate for its name is refused', async (t) => {
  const host = await startDocumentHost(t)
  host.pages.set('/x', respondWithJson({}))
  const { ca: _, ...withoutCa } = host.network
  t.match(await findReason(host.locate('/x'), withoutCa), /self-signed/)
  const other = host.locate('/x').replace('client.example', 'other.example')
  t.match(await findReason(other, host.network), /does not match/)
  t.equal(host.requests.length, 0)
})

test('a document holds for as long as it says (RFC 9111 §5.2.2.1, §5.1)', async (t) => {
  const host = await startDocumentHost(t)
  const cases: [Record<string, string>, number][] = [
    [{}, 0],
    [{ 'cache-control': 'max-age=600' }, 600],
    [{ 'cache-control': 'public, Max-Age="600", must-revalidate' }, 600],
    [{ 'cache-control': 'max-age=600', age: '60' }, 540],
    [{ 'cache-control': 'max-age=600', age: '900' }, 0],
    [{ 'cache-control': 'no-store, max-age=600' }, 0],
    [{ 'cache-control': 'no-cache' }, 0],
    [{ 'cache-control': 'max-age=soon' }, 0],
  ]
  for (const [headers, seconds] of cases) {
    host.pages.set('/x', respondWithJson({}, headers))
    const { maxAgeMs } = await fetchDocument(host.locate('/x'), { network: host.network, maxBytes: MAX })
    t.equal(maxAgeMs, seconds * 1000, JSON.stringify(headers))
  }
})

test('the request carries only the headers it needs', async (t) => {
  const host = await startDocumentHost(t)
  let headers: object = {}
  host.pages.set('/x', (request, response) => {
    headers = request.headers
    respondWithJson({})(request, response)
  })
  await fetchDocument(host.locate('/x'), { network: host.network, maxBytes: MAX })
  t.same(Object.keys(headers).sort(), ['accept', 'accept-encoding', 'connection', 'host'])
})

test('a fetch ends after five seconds, whichever step is slow', async (t) => {
  const host = await startDocumentHost(t)
  host.pages.set('/silent', () => undefined)
  host.pages.set('/drip', (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    const timer = setInterval(() => response.write(' '), 100)
    response.once('close', () => clearInterval(timer))
  })
  const mute = createServer(() => undefined).listen(0, '127.0.0.1')
  await once(mute, 'listening')
  t.teardown(() => mute.close())
  const { port } = mute.address() as AddressInfo
  const lost: Network = { ...host.network, resolve: () => new Promise(() => undefined) }
  const began = Date.now()
  const reasons = await Promise.all([
    findReason(host.locate('/silent'), host.network),
    findReason(host.locate('/drip'), host.network),
    findReason(`https://client.example:${port}/no-tls`, host.network),
    findReason(host.locate('/no-name-server'), lost),
  ])
  for (const reason of reasons) t.match(reason, /aborted/)
  t.ok(Date.now() - began > 4_500, 'not before')
})
