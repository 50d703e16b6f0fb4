import { createMcpHandler, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server'
import Fastify from 'fastify'
import { test } from 'tap'
import { loadMcpCore } from '../../../../lib/mcp/core/load.ts'
import { createToolCatalogue } from '../../../../lib/mcp/tools/catalogue.ts'
import { createToolPolicy } from '../../../../lib/mcp/tools/policy.ts'
import { createProgress } from '../../../../lib/mcp/transport/progress.ts'
import type { McpHeaders } from '../../../../lib/mcp/transport/request.ts'
import { createMcpServer } from '../../../../lib/mcp/transport/server.ts'
import { encodeListResponse, findListRequest } from '../../../../lib/mcp/transport/tools-list.ts'
import { createUpstreamBudget } from '../../../../lib/upstream/budget.ts'
import { createSentryLocation } from '../../../../lib/upstream/location.ts'
import { DEFAULT_TIMEOUTS } from '../../../../lib/upstream/tool-call.ts'
import { DEFAULT_SCOPES } from '../../../sandbox/sentry/server.ts'
import { createEnvelope, createSettings, EVERY_SKILL, UNWATCHED } from '../../../support/mcp-service.ts'

const HEADERS: McpHeaders = {
  accept: 'application/json, text/event-stream',
  contentType: 'application/json',
  protocolVersion: undefined,
  method: undefined,
  name: undefined,
}
const MODERN_HEADERS = { ...HEADERS, protocolVersion: '2026-07-28', method: 'tools/list' }
const LIST = { jsonrpc: '2.0', id: 'x', method: 'tools/list' }
const MODERN_LIST = { ...LIST, params: { _meta: createEnvelope() } }

test('the prepared list equals the SDK’s response of 2025-11-25', async (t) => {
  const { variant, createServer, serverInfo } = await assemble()
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true })
  await createServer().connect(transport)
  const response = await transport.handleRequest(createRequest(HEADERS), { parsedBody: LIST })
  const found = findListRequest(LIST, HEADERS)
  t.same(found, { id: 'x', isModern: false })
  t.same(
    JSON.parse(String(Buffer.concat(encodeListResponse(variant, { id: 'x', isModern: false }, serverInfo)))),
    await response.json(),
  )
})

test('the prepared list equals the SDK’s response of 2026-07-28', async (t) => {
  const { variant, createServer, serverInfo } = await assemble()
  const handler = createMcpHandler(createServer, { legacy: 'reject' })
  const response = await handler.fetch(createRequest(MODERN_HEADERS), { parsedBody: MODERN_LIST })
  const found = findListRequest(MODERN_LIST, MODERN_HEADERS)
  t.same(found, { id: 'x', isModern: true })
  t.same(
    JSON.parse(String(Buffer.concat(encodeListResponse(variant, { id: 'x', isModern: true }, serverInfo)))),
    await response.json(),
  )
})

test('any other request is left to the SDK', async (t) => {
  const others: [title: string, body: object, headers: McpHeaders][] = [
    ['another method', { ...LIST, method: 'ping' }, HEADERS],
    ['a notification', { jsonrpc: '2.0', method: 'tools/list' }, HEADERS],
    ['an id that is null', { ...LIST, id: null }, HEADERS],
    ['a batch', [LIST], HEADERS],
    ['a cursor', { ...LIST, params: { cursor: 'x' } }, HEADERS],
    ['parameters that are an array', { ...LIST, params: [] }, HEADERS],
    ['malformed metadata', { ...LIST, params: { _meta: 'x' } }, HEADERS],
    ['no Accept', LIST, { ...HEADERS, accept: undefined }],
    ['another Content-Type', LIST, { ...HEADERS, contentType: 'text/plain' }],
    ['an unknown revision', LIST, { ...HEADERS, protocolVersion: '2024-01-01' }],
    ['a modern revision without envelope', LIST, MODERN_HEADERS],
    ['an envelope without header', MODERN_LIST, HEADERS],
    ['an envelope without Mcp-Method', MODERN_LIST, { ...MODERN_HEADERS, method: undefined }],
    ['another Mcp-Method', MODERN_LIST, { ...MODERN_HEADERS, method: 'ping' }],
    [
      'a later revision',
      { ...LIST, params: { _meta: createEnvelope('2027-01-01') } },
      { ...MODERN_HEADERS, protocolVersion: '2027-01-01' },
    ],
  ]
  for (const [title, body, headers] of others) {
    t.equal(findListRequest(body, headers), undefined, title)
  }
})

async function assemble() {
  const core = await loadMcpCore()
  const settings = createSettings('sentry.example.com')
  const policy = createToolPolicy({ core, tools: core.tools, settings, hasAgentProvider: false })
  const catalogue = createToolCatalogue({ core, tools: core.tools, policy, isCloud: false })
  const caller = {
    clientId: 'client',
    clientName: 'Test client',
    subject: 'mara',
    userId: '1001',
    scope: new Set(DEFAULT_SCOPES),
    skills: new Set(EVERY_SKILL),
    constraints: {},
    openAccessToken: async () => 'token',
    renewAccessToken: async () => 'token',
  }
  const variant = catalogue.findVariant(caller)
  const serverInfo = { name: 'sentry-mcp', title: 'Sentry', version: '1.2.3' }
  const context = {
    caller,
    accessToken: 'token',
    variant,
    progress: createProgress(),
    signal: new AbortController().signal,
    reference: 'reference',
    log: Fastify().log,
    countAgentRun: async () => undefined,
    share: createUpstreamBudget().open('user', new AbortController().signal),
  }
  const dependencies = {
    core,
    sentry: createSentryLocation(settings),
    mcpUrl: 'https://mcp.sentry.dev',
    timeouts: DEFAULT_TIMEOUTS,
    budget: createUpstreamBudget(),
    calls: UNWATCHED,
  }
  const createServer = () => createMcpServer(context, { dependencies, serverInfo })
  return { variant, serverInfo, createServer }
}

function createRequest({ accept, contentType, protocolVersion, method }: McpHeaders): Request {
  const headers = new Headers({ accept: accept ?? '', 'content-type': contentType ?? '' })
  if (protocolVersion !== undefined) headers.set('mcp-protocol-version', protocolVersion)
  if (method !== undefined) headers.set('mcp-method', method)
  return new Request('http://localhost/mcp', { method: 'POST', headers })
}
