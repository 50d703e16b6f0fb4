import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'tap'
import {
  collectWrites,
  findUpstreamCall,
  runUpstreamCall,
  type UpstreamWrite,
} from '../../../lib/upstream/tool-call.ts'
import { fetchUpstream, ToolFetchError } from '../../../lib/upstream/tool-fetch.ts'
import { findFreePort } from '../../support/free-port.ts'
import { startMcp } from '../../support/mcp-service.ts'
import { AUTHORIZED, createCall, fetchIn, startHost } from './tool-request.ts'

test('the token is sent to Sentry only', async (t) => {
  const sentry = await startHost(t)
  const other = await startHost(t)
  const call = createCall(sentry.origin)
  await fetchIn(call, `${sentry.origin}/api/0/auth/`, AUTHORIZED)
  t.equal(sentry.requests[0]?.headers.authorization, 'Bearer the token')
  await t.rejects(fetchIn(call, `${other.origin}/api/0/auth/`, AUTHORIZED), {
    name: 'ToolFetchError',
    message: /cannot be used at 127\.0\.0\.1:\d+\.$/,
  })
  t.equal(other.requests.length, 0)
  await fetchIn(call, `${other.origin}/image.png`)
  t.notOk(other.requests[0]?.headers.authorization, 'a request of another kind goes without')
})

test('other credentials are not changed', async (t) => {
  const provider = await startHost(t)
  const headers = { authorization: 'Bearer sk-of-the-provider' }
  await fetchIn(createCall('https://sentry.example.com'), `${provider.origin}/v1`, { headers })
  t.equal(provider.requests[0]?.headers.authorization, headers.authorization)
})

test('the regions of sentry.io get the token, by https and below sentry.io only', async (t) => {
  const call = createCall('https://acme.sentry.io')
  for (const url of ['http://us.sentry.io/', 'https://sentry.io.evil.example/', 'https://evilsentry.io/']) {
    await t.rejects(fetchIn(call, url, AUTHORIZED), { message: /cannot be used at/ }, url)
  }
  const ended = { ...call, signal: AbortSignal.abort(new Error('it would have been sent')) }
  for (const url of ['https://sentry.io/', 'https://us.sentry.io/']) {
    await t.rejects(fetchIn(ended, url, AUTHORIZED), { message: 'it would have been sent' }, url)
  }
  const selfHosted = createCall('https://sentry.example.com')
  await t.rejects(fetchIn(selfHosted, 'https://us.sentry.io/', AUTHORIZED), { message: /cannot be used at/ })
})

test('redirects are followed at the same origin and for GET only', async (t) => {
  const other = await startHost(t)
  const sentry = await startHost(t, (request, response) => {
    if (request.url === '/moved') response.writeHead(301, { location: '/there/' }).end()
    else if (request.url === '/away') response.writeHead(302, { location: `${other.origin}/` }).end()
    else if (request.url === '/nowhere') response.writeHead(302, { location: 'http://[' }).end()
    else response.end(`at ${request.url} with ${request.headers.authorization}`)
  })
  const call = createCall(sentry.origin)
  const moved = await fetchIn(call, `${sentry.origin}/moved`, AUTHORIZED)
  t.equal(await moved.text(), 'at /there/ with Bearer the token')
  for (const path of ['/away', '/nowhere']) {
    await t.rejects(fetchIn(call, `${sentry.origin}${path}`, AUTHORIZED), { message: /is not followed\.$/ })
  }
  await t.rejects(fetchIn(call, `${sentry.origin}/moved`, { ...AUTHORIZED, method: 'POST', body: '{}' }), {
    message: /is not followed\.$/,
  })
  t.equal(other.requests.length, 0)
})

test('refused parallel requests of a call share one renewal', async (t) => {
  const sentry = await startHost(t, (request, response) => {
    const isNew = request.headers.authorization === 'Bearer the next'
    setTimeout(() => response.writeHead(isNew ? 200 : 401).end('{}'), 20)
  })
  let renewals = 0
  const call = createCall(sentry.origin, {
    async renewAccessToken() {
      renewals += 1
      await sleep(60)
      return 'the next'
    },
  })
  const responses = await Promise.all(
    [1, 2, 3].map((id) => fetchIn(call, `${sentry.origin}/${id}`, AUTHORIZED)),
  )
  t.same(
    responses.map(({ status }) => status),
    [200, 200, 200],
  )
  t.equal(renewals, 1)
  t.equal((await fetchIn(call, sentry.origin, AUTHORIZED)).status, 200)
  t.equal(sentry.requests.length, 7, 'what follows uses the new token at once')
})

test('a request is not repeated with the refused token', async (t) => {
  const sentry = await startHost(t, (_request, response) => response.writeHead(401).end('{}'))
  const call = createCall(sentry.origin, { renewAccessToken: async () => 'the token' })
  t.equal((await fetchIn(call, sentry.origin, AUTHORIZED)).status, 401)
  t.equal(sentry.requests.length, 1)
  t.equal(call.signInRequired, undefined)
})

test('only http is requested, and only inside a call', async (t) => {
  const call = createCall('https://sentry.example.com')
  for (const url of ['file:///etc/passwd', 'data:text/plain,x', 'ftp://sentry.example.com/']) {
    await t.rejects(fetchIn(call, url), new ToolFetchError('Only http and https addresses can be requested.'))
  }
  await t.rejects(fetchUpstream('https://sentry.example.com/'), { message: /only be made by a tool call/ })
})

test('what outlives a call, as a connection does, holds neither its token nor its response', async (t) => {
  const call = createCall('https://sentry.example.com')
  const outlive = await runUpstreamCall(call, async () => {
    t.equal(findUpstreamCall(), call)
    return AsyncLocalStorage.snapshot()
  })
  outlive(() => t.equal(findUpstreamCall(), undefined))
})

test('a response is read any number of times, as what it is', async (t) => {
  const { origin } = await startHost(t, (_request, response) =>
    response.writeHead(200, { 'content-type': 'application/json' }).end('\ufeff{"a":"ä"}'),
  )
  const response = await fetchIn(createCall(origin), origin, AUTHORIZED)
  t.same(await response.json(), { a: 'ä' })
  t.equal(await response.clone().text(), '{"a":"ä"}')
  t.equal(new TextDecoder().decode(await response.arrayBuffer()), '{"a":"ä"}')
  const blob = await response.blob()
  t.equal(blob.type, 'application/json')
  t.equal(await blob.text(), '{"a":"ä"}')
})

test('the timeout of a tool and the end of the call are distinguished', async (t) => {
  const silent = await startHost(t, () => undefined)
  const call = createCall('https://sentry.example.com')
  const own = fetchIn(call, silent.origin, { signal: AbortSignal.timeout(30) })
  await t.rejects(own, { name: 'ToolFetchTimeoutError', message: /did not answer in time/ })
  const controller = new AbortController()
  const ended = fetchIn({ ...call, signal: controller.signal }, silent.origin)
  controller.abort(new Error('the client has gone'))
  await t.rejects(ended, { message: 'the client has gone' })
})

test('a compressed response is passed on decompressed', async (t) => {
  const sentry = await startHost(t, async (_request, response) => {
    const { gzipSync } = await import('node:zlib')
    response.writeHead(201, { 'content-encoding': 'gzip', link: '<next>' }).end(gzipSync('{"a":1}'))
  })
  const response = await fetchIn(createCall(sentry.origin), sentry.origin, AUTHORIZED)
  t.equal(response.status, 201)
  t.equal(response.headers.get('link'), '<next>')
  t.notOk(response.headers.has('content-encoding'))
  t.same(await response.json(), { a: 1 })
})

for (const status of [400, 401]) {
  test(`an invalid token is renewed after a 400 or 401 of /api/0/auth/ (${status})`, async (t) => {
    const service = await startMcp(t)
    const successor = service.sentry.issueTokens().accessToken
    service.addCaller('expired', { renewAccessToken: async () => successor })
    service.sentry.fail('GET /api/0/auth/', { kind: 'status', status, body: '' }, 1)
    const result = await service.call('whoami', {}, { caller: 'expired' })
    t.notOk(result.isError)
    t.equal(service.sentry.requests.at(-1)?.token, successor)
  })
}

test('a response keeps its address, to which tools link', async (t) => {
  const sentry = await startHost(t)
  const address = `${sentry.origin}/attachments/1/?download=1`
  t.equal((await fetchIn(createCall(sentry.origin), address, AUTHORIZED)).url, address)
})

test('a dropped connection to another host than Sentry is the error that AI SDKs retry, without the host', async (t) => {
  const provider = await startHost(t, (request) => request.socket.destroy())
  const request = fetchIn(createCall('https://sentry.example.com'), provider.origin, {
    method: 'POST',
    headers: { authorization: 'Bearer key' },
  })
  const error = await request.then(
    () => new Error('It succeeded.'),
    (thrown: unknown) => thrown as Error,
  )
  t.match(error, { name: 'TypeError', message: 'fetch failed' })
  t.match(error.cause, { name: 'ToolFetchError', message: /^The AI provider could not be reached/ })
  t.notMatch(String(error.cause), /127\.0\.0\.1/)
})

test('a redirect of a change names the path, and is not followed', async (t) => {
  const sentry = await startHost(t, (_request, response) =>
    response.writeHead(307, { location: '/api/0/projects/acme/new-name/' }).end(),
  )
  const change = { ...AUTHORIZED, method: 'PUT', body: '{}' }
  await t.rejects(fetchIn(createCall(sentry.origin), sentry.origin, change), {
    message: /\/api\/0\/projects\/acme\/new-name\/.*renamed.*is not followed\.$/,
  })
})

test('a write is recorded with what is known of it', async (t) => {
  const statuses = [201, 400, 502]
  const sentry = await startHost(t, (request, response) => {
    const status = statuses.shift()
    if (status === undefined) request.socket.destroy()
    else response.writeHead(status).end('{}')
  })
  const writes: UpstreamWrite[] = []
  const call = createCall(sentry.origin)
  const send = (url: string, method: string, of = call) =>
    collectWrites(writes, () => fetchIn(of, url, { ...AUTHORIZED, method })).catch(() => undefined)
  await send(sentry.origin, 'POST')
  await send(sentry.origin, 'DELETE')
  await send(sentry.origin, 'PUT')
  await send(sentry.origin, 'PATCH')
  await send(sentry.origin, 'GET')
  const closed = `http://127.0.0.1:${await findFreePort()}`
  await send(closed, 'POST', createCall(closed))
  t.same(
    writes.map(({ status }) => status),
    [201, 400, 502, undefined, 0],
    'the last was surely not sent',
  )
})

test('a Request is the read or the write that it says, with its body and headers (WHATWG Fetch)', async (t) => {
  const bodies: string[] = []
  const sentry = await startHost(t, async (request, response) => {
    bodies.push((await request.toArray()).join(''))
    if (request.url === '/reset') request.socket.destroy()
    else response.writeHead(request.headers.authorization === 'Bearer the next' ? 200 : 401).end('{}')
  })
  const call = createCall(sentry.origin, { renewAccessToken: async () => 'the next' })
  const writes: UpstreamWrite[] = []
  const create = (path: string, method: string) =>
    new Request(`${sentry.origin}${path}`, {
      ...{ ...AUTHORIZED, method },
      ...(method !== 'GET' && { body: '{"name":"Data"}' }),
    })
  const send = (request: Request) => collectWrites(writes, () => fetchIn(call, request))
  t.equal((await send(create('/', 'POST'))).status, 200)
  t.same(bodies, ['{"name":"Data"}', '{"name":"Data"}'], 'also again, after the renewal')
  for (const method of ['POST', 'PUT', 'patch', 'DELETE'])
    await t.rejects(send(create('/reset', method)), { message: 'Sentry could not be reached.' }, method)
  t.same(
    sentry.requests.map(({ method }) => method),
    ['POST', 'POST', 'POST', 'PUT', 'PATCH', 'DELETE'],
    'a write whose connection was reset is not repeated',
  )
  t.equal(writes.length, 6)
  await t.rejects(send(create('/reset', 'GET')), { message: /^Sentry could not be reached\. Try again/ })
  t.equal(sentry.requests.length, 8, 'a read is, once')
})
