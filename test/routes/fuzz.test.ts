import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'tap'
import { GROUPS, runInputs } from '../fuzz/run-inputs.ts'
import { registerClient } from '../support/client.ts'
import { postMcp } from '../support/mcp.ts'
import { startService } from '../support/service.ts'

/** The many are in `npm run test:fuzz`; these few are the same ones every time. */
const RUN = { count: 200, seed: 20_260_728, limitMs: 5_000 }

for (const group of Object.keys(GROUPS) as (keyof typeof GROUPS)[]) {
  test(`bad input at the endpoints of ${group}`, async (t) => {
    await runInputs(t, group, RUN)
  })
}

test('a path that no route can be looked up for is not repeated in the answer', async (t) => {
  const { url } = await startService(t)
  for (const [path, status, error] of [
    [`/mcp/${'a'.repeat(101)}`, 404, 'not_found'],
    ['/mcp/%zz<script>', 400, 'invalid_request'],
    ['/oauth/authorize/%c0%af', 400, 'invalid_request'],
  ] as const) {
    const response = await fetch(`${url}${path}`, { method: 'POST' })
    t.equal(response.status, status, path)
    t.equal(response.headers.get('x-content-type-options'), 'nosniff')
    const { request_id: id, ...rest } = (await response.json()) as Record<string, string>
    t.match(id, /^[0-9a-f]{12}-/)
    t.same(rest, { error })
  }
})

test('every refusal at /mcp carries nosniff, as every answer does', async (t) => {
  const { url } = await startService(t)
  const { access_token: token } = await (await registerClient(url)).signIn()
  const send = (body: string, headers: Record<string, string> = {}) =>
    fetch(`${url}/mcp`, { method: 'POST', body, headers: { authorization: `Bearer ${token}`, ...headers } })
  const responses = [
    await fetch(`${url}/mcp`, { method: 'POST' }),
    await fetch(`${url}/mcp/a%20b`, { method: 'POST' }),
    await send('{', { 'content-type': 'application/json' }),
    await send('{}', { 'content-type': 'text/plain' }),
    await send('{}', { 'content-type': 'application/json', origin: 'https://elsewhere.example' }),
  ]
  t.same(
    responses.map(({ status }) => status),
    [401, 404, 400, 415, 403],
  )
  for (const { headers } of responses) t.equal(headers.get('x-content-type-options'), 'nosniff')
})

test('malformed parameters are invalid params, not an internal error (JSON-RPC 2.0 §5.1)', async (t) => {
  const { url } = await startService(t)
  const { access_token: token } = await (await registerClient(url)).signIn()
  const response = await postMcp(`${url}/mcp`, token, 'initialize', { protocolVersion: ['2025-06-18'] })
  t.match(await response.json(), {
    id: 1,
    error: { code: -32602, message: 'Invalid parameters for initialize.' },
  })
})

test('bytes that are not HTTP get a JSON error, and the connection is closed', async (t) => {
  const { url } = await startService(t)
  const longest = `GET / HTTP/1.1\r\nhost: localhost\r\nx: ${'a'.repeat(20 * 1024)}\r\n\r\n`
  for (const [request, status] of [
    ['<script>\r\n\r\n', '400 Bad Request'],
    ['GET / HTTP/1.1\r\nhost: a\r\nbad header: a\r\n\r\n', '400 Bad Request'],
    ['POST /mcp HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n', '400 Bad Request'],
    [longest, '431 Request Header Fields Too Large'],
  ] as const) {
    const socket = connect(Number(new URL(url).port), 'localhost')
    await once(socket, 'connect')
    socket.on('error', () => undefined).write(request)
    const [head = '', body] = (await text(socket)).split('\r\n\r\n')
    t.match(head, `HTTP/1.1 ${status}`)
    t.match(head, 'x-content-type-options: nosniff')
    t.equal(body, '{"error":"invalid_request"}')
  }
})
