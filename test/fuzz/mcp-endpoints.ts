import fc from 'fast-check'
import { MAX_REQUEST_BYTES } from '../../lib/mcp/transport/error-response.ts'
import { MAX_BATCH } from '../../lib/mcp/transport/request.ts'
import { createResource } from '../../lib/model/resource.ts'
import { type Endpoint, write } from './endpoint.ts'
import type { Fixture } from './fixture.ts'
import { type Json, type JsonInput, jsonInput, writeJson } from './json-input.ts'
import { type HeaderChange, oddText } from './odd-values.ts'
import { assertJsonRpc, expect, readJson } from './response-rules.ts'

const HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

/** The MCP endpoints. */
export async function createMcpEndpoints(fixture: Fixture): Promise<Endpoint[]> {
  const endpoints = [await createMcp(fixture), createConstraints(fixture)]
  return endpoints.map((endpoint) => endpoint as Endpoint)
}

interface MessageInput extends JsonInput {
  message: number
}

async function createMcp(fixture: Fixture): Promise<Endpoint<MessageInput>> {
  const { accessToken } = await fixture.createGrant()
  return {
    name: 'mcp',
    inputs: fc
      .tuple(jsonInput, fc.nat(MESSAGES.length - 1))
      .map(([input, message]) => ({ ...input, message })),
    async prepare(input) {
      const { body, version, headers } = MESSAGES[input.message] ?? { body: null, version: '2025-06-18' }
      const own = {
        ...HEADERS,
        'mcp-protocol-version': version,
        authorization: `Bearer ${accessToken}`,
        ...headers,
      }
      return write(fixture, { method: 'POST', url: '/mcp', payload: writeJson(body, input) }, input, own)
    },
    assertRules: assertJsonRpc,
  }
}

interface Message {
  body: Json
  version: string
  headers?: Record<string, string>
}

const MODERN = '2026-07-28'
const META = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientInfo': { name: 'client', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
}

function createCall(name: string, args: { [name: string]: Json }): Message {
  const params = { name, arguments: { organizationSlug: 'tidewater-books', ...args } }
  return { body: { jsonrpc: '2.0', id: 1, method: 'tools/call', params }, version: '2025-06-18' }
}

/** A request of so many bytes. */
function createPing(bytes: number): Json {
  const ping = (text: string) => ({ jsonrpc: '2.0', id: 1, method: 'ping', params: { text } })
  return ping('a'.repeat(bytes - JSON.stringify(ping('')).length))
}

const MESSAGES: Message[] = [
  ...[
    [
      'initialize',
      { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'client', version: '1' } },
    ],
    ['ping', {}],
    ['tools/list', {}],
    ['tools/call', { name: 'whoami', arguments: {} }],
    [
      'tools/call',
      { name: 'find_projects', arguments: { organizationSlug: 'tidewater-books', query: 'web' } },
    ],
    ['tools/call', { name: 'search_sentry_tools', arguments: { query: 'issue' } }],
    [
      'tools/call',
      {
        name: 'execute_sentry_tool',
        arguments: { name: 'find_teams', arguments: { organizationSlug: 'tidewater-books' } },
      },
    ],
    [
      'tools/call',
      {
        name: 'get_issue_details',
        arguments: { issueUrl: 'https://tidewater-books.sentry.io/issues/1' },
        _meta: { progressToken: 'p' },
      },
    ],
  ].map(([method, params]) => ({
    body: { jsonrpc: '2.0', id: 1, method, params } as Json,
    version: '2025-06-18',
  })),
  { body: { jsonrpc: '2.0', method: 'notifications/initialized' }, version: '2025-06-18' },
  {
    body: [
      { jsonrpc: '2.0', id: 'a', method: 'ping' },
      { jsonrpc: '2.0', id: 2, method: 'tools/list' },
    ],
    version: '2025-03-26',
  },
  // Batches, requests, strings, texts and lists at their limit and one past it.
  ...[MAX_BATCH, MAX_BATCH + 1].map((length) => ({
    body: Array.from({ length }, (_, id) => ({ jsonrpc: '2.0', id, method: 'ping' })),
    version: '2025-03-26',
  })),
  ...[MAX_REQUEST_BYTES, MAX_REQUEST_BYTES + 1].map((bytes) => ({
    body: createPing(bytes),
    version: '2025-06-18',
  })),
  ...[8 * 1024, 8 * 1024 + 1].map((length) => createCall('find_projects', { query: 'a'.repeat(length) })),
  ...[64 * 1024, 64 * 1024 + 1].map((length) =>
    createCall('add_issue_note', { issueId: 'STOREFRONT-1', text: 'a'.repeat(length) }),
  ),
  ...[200, 201].map((length) => createCall('search_events', { fields: Array(length).fill('id') })),
  ...[
    ['tools/list', { _meta: META }],
    ['server/discover', { _meta: META }],
    ['tools/call', { name: 'whoami', arguments: {}, _meta: META }],
  ].map(([method, params]) => ({
    body: { jsonrpc: '2.0', id: 1, method, params } as Json,
    version: MODERN,
    headers: { 'mcp-method': String(method), ...(method === 'tools/call' && { 'mcp-name': 'whoami' }) },
  })),
]

interface PathInput {
  parts: string[]
  /** Whether the path is not percent-encoded. */
  isRaw: boolean
  /** Whether the token is for exactly this resource, if it is one. */
  isOwn: boolean
  headers: HeaderChange[]
}

/** Paths of organizations and projects. */
function createConstraints(fixture: Fixture): Endpoint<PathInput> {
  const base = fixture.createGrant('/mcp/tidewater-books')
  const part = fc.oneof(
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        'tidewater-books',
        'checkout',
        'storefront',
        'unknown-part',
        '41001',
        'a'.repeat(100),
      ),
    },
    { weight: 3, arbitrary: oddText },
  )
  return {
    name: 'constraint paths',
    inputs: fc.record({
      parts: fc.array(part, { minLength: 1, maxLength: 3 }),
      isRaw: fc.nat(3).map((chance) => chance === 0),
      isOwn: fc.boolean(),
      headers: fc.constant([]),
    }),
    async prepare({ parts, isRaw, isOwn, headers }) {
      const [organization, project] = parts
      const resource = parts.length > 2 ? undefined : createResource(fixture.url, organization, project)
      const { accessToken } = await (isOwn && resource !== undefined
        ? fixture.createGrant(resource.path)
        : base)
      const path = parts
        .map((text) => (isRaw ? writeRaw(text) : encodeURIComponent(text.toWellFormed())))
        .join('/')
      const own = { ...HEADERS, 'mcp-protocol-version': '2025-06-18', authorization: `Bearer ${accessToken}` }
      const payload = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' })
      return write(fixture, { method: 'POST', url: `/mcp/${path}`, payload }, { headers }, own)
    },
    assertRules(response) {
      expect(
        [200, 400, 401, 403, 404].includes(response.statusCode),
        'a path is a resource or an error',
        response,
      )
      if (response.payload.includes('"jsonrpc"')) {
        assertJsonRpc(response)
        return
      }
      const { error, request_id: id, ...rest } = readJson(response)
      expect(error === 'not_found' || error === 'invalid_request', 'the error names the cause', response)
      expect(
        typeof id === 'string' && Object.keys(rest).length === 0,
        'the error has only these members',
        response,
      )
      expect(response.headers['x-content-type-options'] === 'nosniff', 'browsers do not render it', response)
    },
  }
}

/** An unencoded path, in the printable characters that Node's parser accepts. */
function writeRaw(text: string): string {
  return Buffer.from(text)
    .toString('latin1')
    .replace(/[^\x21-\x7e]/g, '')
}
