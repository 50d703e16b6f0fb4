import tap, { test } from 'tap'
import { readAccept } from '../../../../lib/mcp/transport/accept.ts'
import { callOf, postIn, startMcp } from '../../../support/mcp-service.ts'

const service = await startMcp(tap, { timing: { streamAfterMs: 1, heartbeatMs: 1_000 } })
const LIST = { jsonrpc: '2.0' as const, id: 1, method: 'tools/list' }

// arabold/docs-mcp-server#349: clients without an Accept header, or with */*, were refused.
test('Accept is negotiated by RFC 9110 §12.5.1: any case, parameters, weights, ranges', async (t) => {
  const cases: [accept: string | undefined, json: boolean, stream: boolean][] = [
    [undefined, true, true],
    ['', true, true],
    ['*/*', true, true],
    ['application/*, text/*', true, true],
    ['APPLICATION/JSON, Text/Event-Stream', true, true],
    ['application/json', true, false],
    ['application/json;charset=utf-8', true, false],
    ['application/json ; q=0.5 , text/event-stream;Q=0', true, false],
    ['*/*, text/event-stream;q=0.000', true, false],
    ['text/*;q=0, */*', true, false],
    ['application/json;q=0, */*;q=0.1', false, true],
    ['text/event-stream', false, true],
    ['application/json;version=2;q=0, application/json', true, false],
    ['application/json;profile="a,b;q=0";q=1', true, false],
    ['text/html, application/xml', false, false],
    ['*/*;q=0', false, false],
    ['application/jsonp', false, false],
    [',, application/json ,', true, false],
    ['"', false, false],
  ]
  for (const [accept, json, stream] of cases) t.same(readAccept(accept), { json, stream }, String(accept))
})

test('a request that accepts JSON is served, in both eras; nothing acceptable is 406', async (t) => {
  for (const era of ['legacy', 'modern'] as const) {
    for (const accept of ['*/*', 'application/*, text/*', 'Application/JSON', 'application/json; q=0.2']) {
      const response = await postIn(era, service, LIST, { headers: { accept } })
      t.equal(response.status, 200, `${era} ${accept}`)
      t.match(response.headers.get('content-type'), /^application\/json/)
      await response.body?.cancel()
    }
    const refused = await postIn(era, service, LIST, { headers: { accept: 'text/html' } })
    t.equal(refused.status, 406)
    t.match(await refused.json(), {
      error: { code: -32000, message: /application\/json or text\/event-stream/ },
    })
  }
})

test('a client that accepts JSON alone never gets a stream; one that accepts streams alone always does', async (t) => {
  for (const era of ['legacy', 'modern'] as const) {
    const call = callOf('whoami', {}, { progressToken: 1 })
    const json = await postIn(era, service, call, {
      headers: { accept: 'application/json, text/event-stream;q=0' },
    })
    t.match(json.headers.get('content-type'), /^application\/json/)
    t.match(await json.json(), { result: { structuredContent: {} } })
    for (const request of [LIST, call]) {
      const stream = await postIn(era, service, request, { headers: { accept: 'text/event-stream' } })
      t.match(stream.headers.get('content-type'), /^text\/event-stream/)
      t.match(await stream.text(), /"result":/)
    }
  }
})

test('Content-Type is compared without case and parameters (RFC 9110 §8.3.1)', async (t) => {
  for (const type of [
    'APPLICATION/JSON',
    'application/json;charset="utf-8"',
    'application/json ; charset=UTF-8',
  ]) {
    const response = await service.post(LIST, { headers: { 'content-type': type } })
    t.equal(response.status, 200, type)
    await response.body?.cancel()
  }
  for (const type of ['application/json-patch', 'text/json', 'application/jsonx', 'json']) {
    const response = await service.post(LIST, { headers: { 'content-type': type } })
    t.equal(response.status, 415, type)
    await response.body?.cancel()
  }
})

test('initialize negotiates by its body, also if its header names a later revision (MCP 2025-11-25, lifecycle)', async (t) => {
  const params = { capabilities: {}, clientInfo: { name: 'test', version: '1' } }
  for (const [asked, header, negotiated] of [
    ['2027-01-01', '2027-01-01', '2025-11-25'],
    ['2025-06-18', '2099-12-31', '2025-06-18'],
    ['2025-11-25', 'draft', '2025-11-25'],
  ] as const) {
    const body = { ...LIST, method: 'initialize', params: { ...params, protocolVersion: asked } }
    const response = await service.post(body, { headers: { 'mcp-protocol-version': header } })
    t.match(await response.json(), { result: { protocolVersion: negotiated } }, header)
  }
  const later = await service.post(LIST, { headers: { 'mcp-protocol-version': '2027-01-01' } })
  t.equal(later.status, 400, 'any other request has to name a revision that was negotiated')
  await later.body?.cancel()
})
