import { request as httpRequest } from 'node:http'
import tap, { test } from 'tap'
import { callOf, createEnvelope, postIn, startMcp } from '../support/mcp-service.ts'

const LEGACY = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']
const MODERN = '2026-07-28'

const service = await startMcp(tap)

test('every older revision is negotiated and served (MCP lifecycle)', async (t) => {
  for (const revision of LEGACY) {
    const response = await send('initialize', {
      protocolVersion: revision,
      capabilities: {},
      clientInfo: { name: 'test', version: '1' },
    })
    t.match(response, {
      status: 200,
      type: /^application\/json/,
      json: {
        result: {
          protocolVersion: revision,
          capabilities: { tools: { listChanged: false } },
          serverInfo: { name: 'sentry-mcp', version: '1.2.3' },
          instructions: /find_organizations/,
        },
      },
    })
    const headers = { 'mcp-protocol-version': revision }
    t.match(await send('ping', {}, headers), { status: 200, json: { result: {} } })
    t.match(await send('tools/list', {}, headers), { status: 200, json: { result: { tools: Array } } })
  }
  const unknown = { protocolVersion: '1999-01-01', capabilities: {}, clientInfo: { name: 't', version: '1' } }
  t.match(await send('initialize', unknown), { json: { result: { protocolVersion: '2025-11-25' } } })
})

test('no response names a session, and the session of a request is ignored (2026-07-28)', async (t) => {
  const headers = { 'mcp-session-id': 'of another server' }
  const response = await service.post({ jsonrpc: '2.0', id: 1, method: 'ping' }, { headers })
  t.equal(response.status, 200)
  t.notOk(response.headers.has('mcp-session-id'))
  await response.body?.cancel()
})

test('2026-07-28: server/discover and the hints for caches', async (t) => {
  t.match(await sendModern('server/discover'), {
    status: 200,
    json: {
      result: {
        resultType: 'complete',
        supportedVersions: [MODERN],
        capabilities: { tools: { listChanged: false } },
        ttlMs: Number,
        cacheScope: 'private',
        _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'sentry-mcp' } },
      },
    },
  })
  t.match(await sendModern('tools/list'), {
    json: { result: { resultType: 'complete', tools: Array, ttlMs: Number, cacheScope: 'private' } },
  })
  t.match(await sendModern('tools/call', { name: 'whoami', arguments: {} }), {
    status: 200,
    type: /^application\/json/,
    json: { result: { resultType: 'complete', structuredContent: { user: { id: '1001' } } } },
  })
})

test('the list has one page, so any cursor is invalid (MCP, pagination)', async (t) => {
  const responses = [
    await send('tools/list', { cursor: 'second page' }),
    await sendModern('tools/list', { cursor: 'second page' }),
  ]
  for (const response of responses) t.match(response, { status: 200, json: { error: { code: -32602 } } })
})

test('a response has the id of its request (JSON-RPC 2.0 §5)', async (t) => {
  for (const id of [0, -1, 'text', 'with "quotes" and \\', '']) {
    for (const method of ['tools/list', 'ping']) {
      const response = await service.post({ jsonrpc: '2.0', id, method })
      t.match(await response.json(), { jsonrpc: '2.0', id }, `${method} ${id}`)
    }
  }
})

test('malformed requests of every revision get their error (MCP, Streamable HTTP)', async (t) => {
  const withHeader = (revision: string) => ({ 'mcp-protocol-version': revision })
  const list = { jsonrpc: '2.0', id: 7, method: 'tools/list' }
  const cases: [
    title: string,
    body: unknown,
    headers: Record<string, string>,
    status: number,
    code: number,
  ][] = [
    ['an unknown revision', list, withHeader('2024-10-08'), 400, -32000],
    ['an unknown method', { ...list, method: 'nope' }, {}, 200, -32601],
    ['JSON-RPC without a method', { jsonrpc: '2.0', id: 1 }, {}, 400, -32600],
    ['JSON that is not JSON-RPC', { hello: 'world' }, {}, 400, -32600],
    ['null', 'null', {}, 400, -32600],
    ['a number', '12', {}, 400, -32600],
    ['broken JSON', '{"jsonrpc":', {}, 400, -32700],
    ['nothing', '', {}, 400, -32700],
    ['a name that reaches for a prototype', '{"__proto__":{}}', {}, 400, -32700],
    ['a batch in 2025-06-18', [list], withHeader('2025-06-18'), 400, -32600],
    ['a batch in 2025-11-25', [list], withHeader('2025-11-25'), 400, -32600],
    ['a batch in 2026-07-28', [list], withHeader(MODERN), 400, -32600],
    ['an empty batch', [], {}, 400, -32600],
    ['a batch of 101', Array(101).fill(list), {}, 400, -32600],
    ['no type of a response is accepted', list, { accept: 'text/html' }, 406, -32000],
    ['a text', JSON.stringify(list), { 'content-type': 'text/plain' }, 415, -32000],
    ['a form', 'a=b', { 'content-type': 'application/x-www-form-urlencoded' }, 415, -32000],
    ['2026-07-28 without its envelope', list, withHeader(MODERN), 400, -32602],
    ['initialize in 2026-07-28', { ...list, method: 'initialize' }, withHeader(MODERN), 400, -32020],
    ['a call without a name', { ...list, method: 'tools/call', params: {} }, {}, 200, -32602],
    ['arguments that are text', callOf('whoami', 'text'), {}, 200, -32602],
    ['an unknown tool', callOf('no_such_tool', {}), {}, 200, -32602],
    ['a body of more than 256 KiB', callOf('whoami', { text: 'x'.repeat(256 * 1024) }), {}, 413, -32000],
  ]
  for (const [title, body, headers, status, code] of cases) {
    const response = await service.post(body, { headers })
    t.equal(response.status, status, title)
    t.match(response.headers.get('content-type'), /^application\/json/, title)
    t.match(await response.json(), { jsonrpc: '2.0', error: { code, message: String } }, title)
  }
})

test('malformed requests of 2026-07-28 get their error (SEP-2243, SEP-2575)', async (t) => {
  const call = { name: 'whoami', arguments: {} }
  const cases: [
    title: string,
    method: string,
    params: object,
    headers: Record<string, string>,
    status: number,
    code: number,
  ][] = [
    ['an unknown method', 'nope', {}, {}, 404, -32601],
    ['ping, which it no longer has', 'ping', {}, {}, 404, -32601],
    ['no Mcp-Method', 'tools/list', {}, { 'mcp-method': '' }, 400, -32020],
    ['another Mcp-Method', 'tools/list', {}, { 'mcp-method': 'tools/call' }, 400, -32020],
    ['another Mcp-Name', 'tools/call', call, { 'mcp-name': 'find_teams' }, 400, -32020],
    ['a name that is not Base64', 'tools/call', call, { 'mcp-name': '=?base64?%%%?=' }, 400, -32020],
    [
      'another revision in the header',
      'tools/list',
      {},
      { 'mcp-protocol-version': '2025-06-18' },
      400,
      -32020,
    ],
    ['an unknown tool', 'tools/call', { name: 'no_such_tool', arguments: {} }, {}, 200, -32602],
  ]
  for (const [title, method, params, headers, status, code] of cases) {
    t.match(await sendModern(method, params, headers), { status, json: { id: 1, error: { code } } }, title)
  }
  const future = { _meta: createEnvelope('2027-01-01') }
  const response = await send('tools/list', future, {
    'mcp-protocol-version': '2027-01-01',
    'mcp-method': 'tools/list',
  })
  t.match(response, { status: 400, json: { error: { code: -32022, data: { supported: [MODERN] } } } })
  const { status } = await sendModern('tools/call', call, { 'mcp-name': `=?base64?${btoa('whoami')}?=` })
  t.equal(status, 200, 'an encoded name is decoded before it is compared')
})

test('a request of 2026-07-28 without a required header is refused', async (t) => {
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: createEnvelope() } }
  const incomplete: Record<string, string>[] = [
    { 'mcp-method': 'tools/list' },
    { 'mcp-protocol-version': MODERN },
  ]
  for (const headers of incomplete) {
    const response = await service.post(body, { headers })
    t.equal(response.status, 400)
    t.match(await response.json(), { error: { code: -32020 } })
  }
})

test('notifications and responses get 202 without a body', async (t) => {
  const notification = { jsonrpc: '2.0', method: 'notifications/initialized' }
  const modern = {
    ...notification,
    method: 'notifications/cancelled',
    params: { requestId: 1, _meta: createEnvelope() },
  }
  const bodies: [body: unknown, headers: Record<string, string>][] = [
    [notification, {}],
    [{ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 1 } }, {}],
    [{ jsonrpc: '2.0', id: 3, result: {} }, {}],
    [[notification, notification], {}],
    [modern, { 'mcp-protocol-version': MODERN, 'mcp-method': 'notifications/cancelled' }],
  ]
  for (const [body, headers] of bodies) {
    const response = await service.post(body, { headers })
    t.equal(response.status, 202)
    t.equal(await response.text(), '')
  }
})

test('the response to a batch is one array (2025-03-26)', async (t) => {
  const batch = [
    { jsonrpc: '2.0', id: 'a', method: 'ping' },
    { jsonrpc: '2.0', method: 'notifications/initialized' },
    { ...callOf('whoami', {}), id: 'b' },
  ]
  const revisions: Record<string, string>[] = [{}, { 'mcp-protocol-version': '2025-03-26' }]
  for (const headers of revisions) {
    const response = await service.post(batch, { headers })
    t.equal(response.status, 200)
    const responses = (await response.json()) as { id: string }[]
    t.same(responses.map(({ id }) => id).sort(), ['a', 'b'])
    const single = await service.post([batch[0]], { headers })
    t.match(await single.json(), [{ id: 'a', result: {} }], 'also where it holds one request')
  }
})

test('GET and DELETE get 405 with Allow', async (t) => {
  for (const method of ['GET', 'HEAD', 'DELETE', 'PUT', 'PATCH']) {
    const response = await fetch(service.url, {
      method,
      headers: { authorization: 'Bearer mara', 'content-type': 'text/plain', accept: 'text/event-stream' },
      body: method === 'PUT' ? 'text' : undefined,
    })
    t.equal(response.status, 405, method)
    t.equal(response.headers.get('allow'), 'POST', method)
    const text = await response.text()
    if (method !== 'HEAD') t.match(JSON.parse(text), { jsonrpc: '2.0', error: { code: -32000 }, id: null })
    const anonymous = await fetch(service.url, { method })
    t.equal(anonymous.status, 401, `${method} without a token: authentication comes first`)
  }
})

test('subscriptions/listen ends at once', async (t) => {
  const response = await sendModern('subscriptions/listen', { notifications: { toolsListChanged: true } })
  t.equal(response.status, 200)
  t.match(response.type, /^text\/event-stream/)
  t.match(response.text, /"resultType":"complete"/)
})

test('responses must not be cached', async (t) => {
  for (const method of ['tools/list', 'ping']) {
    const response = await service.post({ jsonrpc: '2.0', id: 1, method })
    t.equal(response.headers.get('cache-control'), 'no-store')
    await response.body?.cancel()
  }
})

test('concurrent users with equal JSON-RPC ids get their own responses (CVE-2026-25536, GHSA-345p-7cg4-v4c7)', async (t) => {
  const { sentry } = service
  sentry.setUser({ id: '2002', name: 'Ole Brandt', email: 'ole@lantern.example' })
  service.addCaller('ole')
  sentry.setUser({ id: '1001', name: 'Mara Lind', email: 'mara@tidewater.example' })
  service.addCaller('mara')
  const heal = sentry.fail('/api/0/auth/', { kind: 'hang', ms: 150 }, 6)
  t.teardown(heal)
  const users = ['mara', 'ole', 'mara', 'ole', 'ole', 'mara']
  const seen = await Promise.all(
    users.map(async (caller, index) => {
      const era = index < 3 ? 'legacy' : 'modern'
      const response = await read(await postIn(era, service, callOf('whoami', {}), { caller }))
      return JSON.parse(response.text).result.structuredContent.user.id
    }),
  )
  t.same(
    seen,
    users.map((name) => (name === 'mara' ? '1001' : '2002')),
  )
  const many = Array.from({ length: 200 }, (_, index) => (index % 3 === 0 ? 'ole' : 'mara'))
  const names = await Promise.all(
    many.map(async (caller) => {
      const response = await read(await postIn('legacy', service, callOf('whoami', {}), { caller }))
      return response.text.includes('ole@lantern.example') ? 'ole' : 'mara'
    }),
  )
  t.same(names, many, 'two hundred at once')
})

test('no resource URI is matched against a template (CVE-2026-0621)', async (t) => {
  for (const uri of [`sentry://${'{'.repeat(50_000)}`, `sentry://${',a'.repeat(50_000)}!`]) {
    const before = process.cpuUsage()
    t.match((await send('resources/read', { uri })).json, { error: { code: -32601 } })
    t.match((await send('resources/templates/list')).json, { error: { code: -32601 } })
    const { user, system } = process.cpuUsage(before)
    t.ok(user + system < 1_000_000, `${user + system} µs of CPU time`)
  }
})

test('a plain HTTP client gets whole responses over one connection', async (t) => {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' })
  const length = await new Promise<number>((resolve, reject) => {
    const headers = {
      authorization: 'Bearer mara',
      'content-type': 'application/json; charset=utf-8',
      accept: 'text/event-stream;q=0.5, application/json',
      'content-length': Buffer.byteLength(body),
    }
    const request = httpRequest(service.url, { method: 'POST', headers }, (response) => {
      let received = 0
      response.on('data', (chunk: Buffer) => {
        received += chunk.length
      })
      response.on('end', () => resolve(received - Number(response.headers['content-length'])))
    })
    request.on('error', reject)
    request.end(body)
  })
  t.equal(length, 0, 'Content-Length is right')
})

interface ReadResponse {
  status: number
  type: string | null
  text: string
  json: unknown
}

async function send(method: string, params: object = {}, headers: Record<string, string> = {}) {
  return read(await service.post({ jsonrpc: '2.0', id: 1, method, params }, { headers }))
}

async function sendModern(method: string, params: object = {}, headers: Record<string, string> = {}) {
  return read(await postIn('modern', service, { jsonrpc: '2.0', id: 1, method, params }, { headers }))
}

async function read(response: Response): Promise<ReadResponse> {
  const { status, headers } = response
  const text = await response.text()
  const type = headers.get('content-type')
  return { status, type, text, json: type?.includes('json') ? JSON.parse(text) : undefined }
}
