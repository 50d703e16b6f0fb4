import Fastify from 'fastify'
import { test } from 'tap'
import { loadMcpCore } from '../../../../lib/mcp/core/load.ts'
import { createToolCatalogue } from '../../../../lib/mcp/tools/catalogue.ts'
import { createToolPolicy } from '../../../../lib/mcp/tools/policy.ts'
import { findDirectRequest } from '../../../../lib/mcp/transport/direct-request.ts'
import { createMcpEndpoint } from '../../../../lib/mcp/transport/endpoint.ts'
import { createProgress } from '../../../../lib/mcp/transport/progress.ts'
import { readMcpHeaders } from '../../../../lib/mcp/transport/request.ts'
import type { McpResponse } from '../../../../lib/mcp/transport/response.ts'
import { respondBySdk } from '../../../../lib/mcp/transport/sdk-response.ts'
import { createMcpServer } from '../../../../lib/mcp/transport/server.ts'
import { createUpstreamBudget } from '../../../../lib/upstream/budget.ts'
import { createSentryLocation } from '../../../../lib/upstream/location.ts'
import { DEFAULT_TIMEOUTS } from '../../../../lib/upstream/tool-call.ts'
import { DEFAULT_SCOPES } from '../../../sandbox/sentry/server.ts'
import {
  createEnvelope,
  createSettings,
  createTool,
  EVERY_SKILL,
  UNWATCHED,
} from '../../../support/mcp-service.ts'

interface Sample {
  headers: Record<string, string>
  body: unknown
}

/** Where a response may differ from the SDK's, and why. */
const DEVIATIONS: { method: string; tool?: string; why: string }[] = [
  {
    method: 'tools/call',
    tool: 'malformed',
    why: 'A result that is not one of MCP is a fault of this server: -32603, where the SDK says -32602.',
  },
]

const TOOLS = {
  text: createTool('text', async () => 'A text'),
  parts: createTool('parts', async () => [
    { type: 'text', text: 'A part', unknown: 1 },
    { type: 'image', data: 'aGFsbG8=', mimeType: 'image/png', _meta: { own: 1 } },
  ]),
  structured: createTool('structured', async () => ({ structuredContent: { count: 1, list: [null] } })),
  failing: createTool('failing', async () => {
    throw new TypeError('a fault')
  }),
  malformed: createTool('malformed', async () => [{ type: 'image', data: 'not Base64!', mimeType: 1 }]),
}

const REVISIONS = [undefined, '2024-10-07', '2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25']

const CLIENT = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } }

const METHODS: Record<string, unknown[]> = {
  ping: [undefined, {}, { extra: 1 }, { _meta: {} }, { _meta: { progressToken: true } }, [], null, 'x', 1],
  initialize: [
    ...[undefined, {}, CLIENT, { ...CLIENT, protocolVersion: '1900-01-01' }],
    ...['2025-11-25', '2025-03-26', '2026-07-28', 1].map((protocolVersion) => ({
      ...CLIENT,
      protocolVersion,
    })),
    { ...CLIENT, capabilities: { roots: { listChanged: true }, sampling: {}, elicitation: {}, other: 1 } },
    ...[{ roots: 1 }, { experimental: [] }, null].map((capabilities) => ({ ...CLIENT, capabilities })),
    ...[{ name: 'test' }, { name: 1, version: '1' }].map((clientInfo) => ({ ...CLIENT, clientInfo })),
    { ...CLIENT, _meta: { 'com.example/own': 1 } },
  ],
  'tools/list': [
    undefined,
    {},
    { cursor: 'x' },
    { cursor: 1 },
    { _meta: { progressToken: 1 } },
    { _meta: 1 },
    [],
  ],
  'tools/call': [
    ...Object.keys(TOOLS).map((name) => ({ name, arguments: {} })),
    ...[{ name: 'text' }, { name: 'text', arguments: { unknown: 1 } }, { name: 'unknown', arguments: {} }],
    ...[undefined, {}, [], { name: 1 }, { arguments: {} }, { name: 'text', arguments: [] }],
    ...[
      { name: 'text', arguments: null },
      { name: 'text', arguments: 'x' },
      { name: 'text', extra: 1 },
    ],
    ...[
      { progressToken: 1 },
      { progressToken: 1.5 },
      { progressToken: null },
      { 'claudecode/toolUseId': 'x' },
    ].map((_meta) => ({ name: 'text', _meta })),
    { name: 'text', _meta: { 'io.modelcontextprotocol/related-task': { taskId: 'x' } } },
    { name: 'text', _meta: { 'io.modelcontextprotocol/related-task': 1 } },
    ...[{ task: { ttl: 1 } }, { task: 1 }, { requestState: 'x' }, { inputResponses: {} }].map(
      (extension) => ({
        name: 'text',
        ...extension,
      }),
    ),
  ],
  'notifications/initialized': [undefined, {}, [], { _meta: 1 }],
  'notifications/cancelled': [undefined, { requestId: 1, reason: 'x' }, { requestId: {} }],
  'notifications/unknown': [undefined, {}],
  'logging/setLevel': [{ level: 'info' }],
  'resources/list': [undefined],
  'prompts/list': [undefined],
  'completion/complete': [{}],
  'server/discover': [undefined],
  constructor: [undefined],
  unknown: [undefined, {}],
}

const IDS: unknown[] = [1, 'x', 0, '', 1.5, null, undefined, true, {}]

// MCP 2024-11-05 to 2026-07-28; JSON-RPC 2.0 §4 to §6.
test('a direct response equals that of the SDK', async (t) => {
  const { respond, respondWithSdk } = await assemble()
  const direct = new Map<string, number>()
  const differing = new Set<string>()
  for (const sample of listSamples()) {
    const headers = readMcpHeaders(sample)
    const found = findDirectRequest(sample.body, headers)
    if (found === undefined) continue
    direct.set(found.method, (direct.get(found.method) ?? 0) + 1)
    const [ours, sdk] = [await respond(sample), await respondWithSdk(sample)]
    const deviation = DEVIATIONS.find(
      ({ method, tool }) =>
        method === found.method && found.method === 'tools/call' && tool === found.params.name,
    )
    if (deviation === undefined) t.strictSame(ours, sdk, JSON.stringify(sample))
    else if (JSON.stringify(ours) !== JSON.stringify(sdk)) differing.add(deviation.why)
  }
  for (const method of ['notification', 'ping', 'initialize', 'tools/list', 'tools/call']) {
    t.ok((direct.get(method) ?? 0) > 20, `direct requests of ${method}`)
  }
  t.equal(differing.size, DEVIATIONS.length, 'every deviation of the table is one')
})

test('what the SDK refuses, or answers in another way, is not direct', async (t) => {
  const call = { jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'text' } }
  const modern = createModern(call)
  const others: [title: string, sample: Sample][] = [
    ['a batch', { headers: {}, body: [call] }],
    ['a response', { headers: {}, body: { jsonrpc: '2.0', id: 1, result: {} } }],
    ['an unknown method', { headers: {}, body: { ...call, method: 'tools/none' } }],
    ['a member that JSON-RPC does not know', { headers: {}, body: { ...call, extra: 1 } }],
    ['JSON-RPC 1.0', { headers: {}, body: { ...call, jsonrpc: '1.0' } }],
    ['an id that is null', { headers: {}, body: { ...call, id: null } }],
    ['a cursor', { headers: {}, body: { ...call, method: 'tools/list', params: { cursor: 'x' } } }],
    ['a task', { headers: {}, body: { ...call, params: { name: 'text', task: {} } } }],
    ['only a stream is accepted', { headers: { accept: 'text/event-stream' }, body: call }],
    ['an unknown revision', { headers: { 'mcp-protocol-version': '2024-01-01' }, body: call }],
    ['a modern revision without envelope', { ...modern, body: call }],
    ['an envelope without headers', { ...modern, headers: {} }],
    ['another Mcp-Method', change(modern, { 'mcp-method': 'ping' })],
    ['another Mcp-Name', change(modern, { 'mcp-name': 'parts' })],
    ['a later revision', change(modern, { 'mcp-protocol-version': '2027-01-01' })],
    ['a method that 2026-07-28 no longer has', createModern({ ...call, method: 'ping', params: {} })],
  ]
  for (const [title, sample] of others) {
    t.equal(findDirectRequest(sample.body, readMcpHeaders(sample)), undefined, title)
  }
  t.match(findDirectRequest(modern.body, readMcpHeaders(modern)), { method: 'tools/call', isModern: true })
})

function change({ headers, body }: Sample, changes: Record<string, string>): Sample {
  return { headers: { ...headers, ...changes }, body }
}

function* listSamples(): Generator<Sample> {
  for (const [method, variants] of Object.entries(METHODS)) {
    for (const params of variants) {
      const body = { jsonrpc: '2.0', id: 1, method, ...(params !== undefined && { params }) }
      for (const revision of REVISIONS) {
        yield { headers: revision === undefined ? {} : { 'mcp-protocol-version': revision }, body }
      }
      yield createModern(body)
      const { id: _, ...notification } = body
      yield { headers: {}, body: notification }
    }
    const [params] = variants
    for (const id of IDS) yield { headers: {}, body: { jsonrpc: '2.0', id, method, params } }
  }
}

/** The request as a client of 2026-07-28 sends it. */
function createModern(message: { method: string; params?: unknown }): Sample {
  const { params = {} } = message
  if (typeof params !== 'object' || params === null || Array.isArray(params))
    return { headers: {}, body: message }
  const { name, _meta }: { name?: unknown; _meta?: unknown } = params
  const meta = typeof _meta === 'object' ? { ..._meta, ...createEnvelope() } : createEnvelope()
  return {
    headers: {
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': message.method,
      ...(typeof name === 'string' && { 'mcp-name': name }),
    },
    body: { ...message, params: { ...params, _meta: meta } },
  }
}

async function assemble() {
  const core = await loadMcpCore()
  const settings = createSettings('sentry.example.com')
  const policy = createToolPolicy({ core, tools: TOOLS, settings, hasAgentProvider: false })
  const catalogue = createToolCatalogue({ core, tools: TOOLS, policy, isCloud: false })
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
  const serverInfo = {
    name: 'sentry-mcp',
    title: 'Sentry',
    version: '1.2.3',
    icons: [{ src: 'https://mcp.example.com/icon.png', mimeType: 'image/png', sizes: ['96x96'] }],
    websiteUrl: 'https://mcp.example.com',
  }
  const signal = new AbortController().signal
  const dependencies = {
    core,
    sentry: createSentryLocation(settings),
    mcpUrl: 'https://mcp.sentry.dev',
    timeouts: DEFAULT_TIMEOUTS,
    budget: createUpstreamBudget(),
    calls: UNWATCHED,
  }
  const endpoint = createMcpEndpoint({ catalogue, dependencies, serverInfo, challengeScope: () => '' })
  const request = {
    caller,
    signal,
    ended: signal,
    query: {},
    reference: 'reference',
    log: Fastify().log,
    countAgentRun: async () => undefined,
  }
  const context = {
    ...request,
    accessToken: 'token',
    variant: catalogue.findVariant(caller),
    progress: createProgress(),
    share: createUpstreamBudget().open('user', signal),
  }
  return {
    async respond(sample: Sample) {
      return describe(await endpoint.respond({ ...request, ...sample }))
    },
    async respondWithSdk(sample: Sample) {
      const createServer = () => createMcpServer(context, { dependencies, serverInfo })
      return describe(await respondBySdk({ ...request, ...sample }, readMcpHeaders(sample), createServer))
    },
  }
}

function describe({ status, headers, body }: McpResponse) {
  const text = Array.isArray(body) ? Buffer.concat(body).toString() : String(body ?? '')
  return { status, type: headers['content-type'], body: text === '' ? undefined : JSON.parse(text) }
}
