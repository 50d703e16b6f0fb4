import { once } from 'node:events'
import { connect } from 'node:http2'
import { request } from 'node:https'
import { test } from 'tap'
import { breakOff, type FakeBackend, startFakeBackend, stream } from '../support/fake-backend.ts'
import { findFreePort } from '../support/free-port.ts'
import { type Nginx, startNginx } from '../support/nginx.ts'

const MAX_BODY = 256 * 1024

function startWith(t: Parameters<typeof startNginx>[0], ...backends: FakeBackend[]): Promise<Nginx> {
  return startNginx(t, { instances: backends.map(({ port }) => port) })
}

test('deploy/nginx.conf is valid, without warnings', async (t) => {
  const nginx = await startWith(t, await startFakeBackend(t))
  t.match(await nginx.check(), /test is successful/)
  t.notMatch(await nginx.check(), /\[(warn|emerg)\]/)
})

for (const path of ['/mcp', '/mcp/tidewater', '/mcp/tidewater/storefront']) {
  test(`an event of ${path} arrives before its stream ends (MCP Streamable HTTP)`, async (t) => {
    const nginx = await startWith(t, await startFakeBackend(t, stream))
    const response = await fetch(`${nginx.url}${path}`, { method: 'POST', body: '{}' })
    const delays: number[] = []
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const arrivedAt = Date.now()
      for (const [, sentAt] of chunk.matchAll(/^data: (\d+)$/gm)) delays.push(arrivedAt - Number(sentAt))
    }
    t.equal(delays.length, 6)
    t.ok(Math.max(...delays) < 350, `the slowest took ${Math.max(...delays)} ms`)
  })
}

test('nginx replaces forwarding headers of clients, and forwards Host', async (t) => {
  const instance = await startFakeBackend(t)
  const nginx = await startWith(t, instance)
  await fetch(nginx.url, {
    headers: {
      'x-forwarded-for': '6.6.6.6',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'gopher',
      'x-forwarded-port': '70',
      forwarded: 'for=6.6.6.6;host=evil.example;proto=gopher',
    },
  })
  const { host } = new URL(nginx.url)
  const headers = instance.requests[0]?.headers ?? {}
  t.equal(headers.host, host)
  t.equal(headers['x-forwarded-for'], '127.0.0.1')
  t.equal(headers['x-forwarded-host'], host)
  t.equal(headers['x-forwarded-proto'], 'https')
  t.equal(headers['x-forwarded-port'], undefined)
  t.equal(headers.forwarded, undefined)
})

test('a body of 256 KiB passes and a longer one gets 413', async (t) => {
  const instance = await startFakeBackend(t)
  const nginx = await startWith(t, instance)
  const post = (length: number) => fetch(`${nginx.url}/mcp`, { method: 'POST', body: 'a'.repeat(length) })
  t.equal((await post(MAX_BODY)).status, 200)
  t.equal((await post(MAX_BODY + 1)).status, 413)
  t.equal(instance.requests.length, 1)
})

test('a POST that an instance has received is not sent to another', async (t) => {
  const instances = [await startFakeBackend(t, breakOff), await startFakeBackend(t, breakOff)]
  const nginx = await startWith(t, ...instances)
  const response = await fetch(`${nginx.url}/mcp`, { method: 'POST', body: '{}' })
  t.equal(instances.flatMap(({ requests }) => requests).length, 1)
  t.equal(response.status, 503)
  t.equal(response.headers.get('retry-after'), '2')
  t.match(await response.json(), { error: 'temporarily_unavailable' })
})

test('a GET that fails at one instance is sent to another', async (t) => {
  const [broken, healthy] = [await startFakeBackend(t, breakOff), await startFakeBackend(t)]
  const nginx = await startWith(t, broken, healthy)
  const responses = await Promise.all(
    ['1', '2', '3', '4'].map((state) => fetch(`${nginx.url}/oauth/callback?state=${state}`)),
  )
  t.same(
    responses.map(({ status }) => status),
    [200, 200, 200, 200],
  )
  t.ok(broken.requests.length > 0)
})

test('a POST goes to another instance when the first one does not listen', async (t) => {
  const healthy = await startFakeBackend(t)
  const nginx = await startNginx(t, { instances: [await findFreePort(), healthy.port] })
  for (let sent = 0; sent < 4; sent += 1) {
    const response = await fetch(`${nginx.url}/mcp`, { method: 'POST', body: '{}' })
    t.equal(response.status, 200)
  }
  t.equal(healthy.requests.length, 4)
})

test('when no instance responds, a person gets a page and a program gets JSON', async (t) => {
  const nginx = await startNginx(t, { instances: [await findFreePort()] })
  const page = await fetch(`${nginx.url}/account`, { headers: { accept: 'text/html,*/*;q=0.8' } })
  t.match([page.status, page.headers.get('content-type')], [503, 'text/html; charset=utf-8'])
  t.match(await page.text(), /<h1>Sentry MCP is not available/)
  const form = await fetch(`${nginx.url}/oauth/consent`, { method: 'POST', headers: { accept: 'text/html' } })
  t.match([form.status, form.headers.get('retry-after')], [503, '2'])
  const program = await fetch(`${nginx.url}/mcp`, {
    method: 'POST',
    headers: { accept: 'application/json, text/event-stream' },
  })
  t.match([program.status, await program.json()], [503, { error: 'temporarily_unavailable' }])
  t.equal((await fetch(`${nginx.url}/unavailable.html`)).status, 404, 'the page has no address')
})

test('the access log contains no code and no state', async (t) => {
  const nginx = await startWith(t, await startFakeBackend(t))
  await fetch(`${nginx.url}/oauth/callback?code=c0de&state=st4te`)
  t.match(nginx.readAccessLog(), '"GET /oauth/callback HTTP/1.1" 200')
  t.notMatch(nginx.readAccessLog(), /c0de|st4te/)
})

test('nginx serves HTTP/2', async (t) => {
  const nginx = await startWith(t, await startFakeBackend(t))
  const session = connect(nginx.url)
  t.teardown(() => session.destroy())
  const posted = session.request({ ':path': '/mcp', ':method': 'POST' }).end('{}')
  const [headers] = await once(posted, 'response')
  t.equal(session.alpnProtocol, 'h2')
  t.equal(headers[':status'], 200)
})

test('plain HTTP is redirected to HTTPS', async (t) => {
  const nginx = await startWith(t, await startFakeBackend(t))
  const response = await fetch(`${nginx.plainUrl}/oauth/authorize?client_id=1`, { redirect: 'manual' })
  t.equal(response.status, 308)
  t.equal(response.headers.get('location'), `${nginx.url}/oauth/authorize?client_id=1`)
})

test('nginx forwards a foreign Host, which the service refuses', async (t) => {
  const instance = await startFakeBackend(t)
  const nginx = await startWith(t, instance)
  const outgoing = request(nginx.url, { servername: 'localhost', headers: { host: 'evil.example' } }).end()
  const [incoming] = await once(outgoing, 'response')
  incoming.resume()
  t.equal(instance.requests[0]?.headers.host, 'evil.example')
})
