import { Server, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server'
import tap, { test } from 'tap'
import { startMcp } from '../../../support/mcp-service.ts'

const MALFORMED = { jsonrpc: '2.0', id: 1, method: 'tools/list', params: { cursor: 1 } }

const service = await startMcp(tap)

test('malformed parameters are the client’s error: -32602 (JSON-RPC 2.0 §5.1)', async (t) => {
  const response = await service.post(MALFORMED)
  t.match(await response.json(), {
    error: { code: -32602, message: 'Invalid parameters for tools/list.' },
  })
})

// typescript-sdk#2284. When this fails, the SDK reports -32602 itself: remove StrictServer.
test('the SDK alone reports malformed parameters as an internal error', async (t) => {
  const server = new Server({ name: 'test', version: '1' }, { capabilities: { tools: {} } })
  server.setRequestHandler('tools/list', () => ({ tools: [] }))
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true })
  await server.connect(transport)
  t.teardown(() => server.close())
  const request = new Request('http://localhost/mcp', {
    method: 'POST',
    headers: { accept: 'application/json, text/event-stream', 'content-type': 'application/json' },
  })
  const response = await transport.handleRequest(request, { parsedBody: MALFORMED })
  t.match(await response.json(), { error: { code: -32603 } })
})

// The class of an error is how StrictServer tells the SDK's check from everything else.
test('an error of a handler with a class of its own keeps its code', async (t) => {
  const response = await service.post({ ...MALFORMED, params: { cursor: 'second page' } })
  t.match(await response.json(), { error: { code: -32602, message: /^Invalid cursor/ } })
})
