import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import Fastify from 'fastify'
import type { Test } from 'tap'
import { loadConfig } from '../../lib/config/load.ts'
import type { SentryTool } from '../../lib/mcp/core/types.ts'
import { type McpOptions, openMcp } from '../../lib/mcp/open.ts'
import { sendErrorResponse } from '../../lib/mcp/transport/error-response.ts'
import type { Caller } from '../../lib/model/caller.ts'
import { NO_METRICS } from '../../lib/telemetry/metrics.ts'
import { createToolCallRecorder } from '../../lib/telemetry/tool-calls.ts'
import { NO_TRACING } from '../../lib/telemetry/tracing.ts'
import { SignInRequiredError } from '../../lib/upstream/access.ts'
import { createSentryLocation } from '../../lib/upstream/location.ts'
import mcpRoute from '../../routes/mcp.ts'
import { DEFAULT_SCOPES, type SentrySandbox, startSentry } from '../sandbox/sentry/server.ts'

/** The skills of a test's callers, unless it says otherwise. */
export const EVERY_SKILL = ['inspect', 'seer', 'triage', 'project-management']

/** Records calls in the log only. */
export const UNWATCHED = createToolCallRecorder({
  metrics: NO_METRICS,
  tracing: NO_TRACING,
  hashSubject: (subject) => `hash of ${subject}`,
})

/** The MCP endpoint on a port of its own, with a Sentry sandbox behind it and without sign-in. */
export interface McpService {
  url: string
  sentry: SentrySandbox
  /** The log lines so far. */
  log: string[]
  /** Adds a caller; a request authenticates as one with the name as bearer token. */
  addCaller(name: string, changes?: CallerChanges): TestCaller
  /** Sends one request, by default as the caller `mara`. */
  post(body: unknown, options?: PostOptions): Promise<Response>
  /** Calls a tool and returns its result. */
  call(name: string, args?: object, options?: PostOptions): Promise<ToolResult>
  /** The names that `tools/list` shows. */
  list(options?: PostOptions): Promise<string[]>
}

/** A caller with its token at Sentry. */
export type TestCaller = Caller & { accessToken: string }

type CallerChanges = Partial<Omit<TestCaller, 'openAccessToken'>>

export interface PostOptions {
  caller?: string
  headers?: Record<string, string>
  signal?: AbortSignal
}

export interface ToolResult {
  isError?: boolean
  content: { type: string; text: string }[]
  structuredContent?: Record<string, unknown>
  _meta?: Record<string, unknown>
}

export interface McpServiceOptions
  extends Partial<Pick<McpOptions, 'formerNames' | 'timing' | 'timeouts' | 'tools'>> {
  settings?: Record<string, string>
  /** A sandbox that the test started itself. */
  sentry?: SentrySandbox
}

/** The settings for a Sentry at `host`. */
export function createSettings(host: string, changes: Record<string, string> = {}) {
  return loadConfig({
    BASE_URL: 'http://localhost:3000',
    SENTRY_HOST: host,
    SENTRY_PROTOCOL: 'http',
    SENTRY_CLIENT_ID: 'client',
    SENTRY_CLIENT_SECRET: 'secret',
    ENCRYPTION_KEY: 'e'.repeat(32),
    JWT_SIGNING_KEY: 's'.repeat(32),
    ...changes,
  })
}

export async function startMcp(t: Test, options: McpServiceOptions = {}): Promise<McpService> {
  const sentry = options.sentry ?? (await startSentry())
  if (options.sentry === undefined) t.teardown(() => sentry.close())
  const log: string[] = []
  const app = Fastify({ forceCloseConnections: true, logger: { level: 'debug', stream: collectLines(log) } })
  t.teardown(() => app.close())
  const settings = createSettings(sentry.host, options.settings)
  const endpoint = await openMcp({
    ...options,
    settings,
    sentry: createSentryLocation(settings),
    version: '1.2.3',
    log: app.log,
    calls: UNWATCHED,
    challengeScope: (scope) => `Bearer error="insufficient_scope", scope="${scope.join(' ')}"`,
  })
  const callers = new Map<string, Caller>()
  app.decorateRequest('caller')
  app.addHook('onRequest', async (request, reply) => {
    const caller = callers.get(request.headers.authorization?.slice('Bearer '.length) ?? '')
    if (caller === undefined) return reply.code(401).send()
    request.caller = caller
  })
  app.setErrorHandler<Error>((error, { log }, reply) =>
    sendErrorResponse(error, reply, { resource: undefined, scope: [], log }),
  )
  await app.register(mcpRoute, { endpoint, limitAgentRuns: async () => undefined })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/mcp`

  function addCaller(
    name: string,
    { accessToken = sentry.issueTokens().accessToken, ...changes }: CallerChanges = {},
  ): TestCaller {
    const caller: TestCaller = {
      clientId: `client of ${name}`,
      clientName: 'Test client',
      subject: name,
      userId: '1001',
      scope: new Set(DEFAULT_SCOPES),
      skills: new Set(EVERY_SKILL),
      constraints: {},
      accessToken,
      openAccessToken: async () => accessToken,
      renewAccessToken: () => Promise.reject(new SignInRequiredError('The sandbox renews nothing.')),
      ...changes,
    }
    callers.set(name, caller)
    return caller
  }

  function post(body: unknown, { caller = 'mara', headers, signal }: PostOptions = {}): Promise<Response> {
    return fetch(url, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${caller}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...headers,
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      signal,
    })
  }

  async function request<Result>(method: string, params: object, options?: PostOptions): Promise<Result> {
    const response = await post({ jsonrpc: '2.0', id: 1, method, params }, options)
    const { result } = (await response.json()) as { result: Result }
    return result
  }

  addCaller('mara')
  return {
    url,
    sentry,
    log,
    addCaller,
    post,
    call: (name, args = {}, options) => request('tools/call', { name, arguments: args }, options),
    async list(options) {
      const { tools } = await request<{ tools: { name: string }[] }>('tools/list', {}, options)
      return tools.map(({ name }) => name)
    },
  }
}

/** A `tools/call` request. */
export function callOf(name: string, args: unknown, meta?: object) {
  return {
    jsonrpc: '2.0' as const,
    id: 1,
    method: 'tools/call',
    params: { name, arguments: args, _meta: meta },
  }
}

/** The envelope of a request of 2026-07-28 or a later revision. */
export function createEnvelope(revision = '2026-07-28') {
  return {
    'io.modelcontextprotocol/protocolVersion': revision,
    'io.modelcontextprotocol/clientCapabilities': {},
    'io.modelcontextprotocol/clientInfo': { name: 'test', version: '1' },
  }
}

/** Sends a request as a client of 2025-11-25 or 2026-07-28 does. */
export function postIn(
  era: 'legacy' | 'modern',
  service: McpService,
  request: { jsonrpc: '2.0'; id: string | number; method: string; params?: object },
  options: PostOptions = {},
): Promise<Response> {
  if (era === 'legacy') return service.post(request, options)
  const { name, _meta, ...params }: { name?: string; _meta?: object } = request.params ?? {}
  const body = { ...request, params: { ...params, name, _meta: { ..._meta, ...createEnvelope() } } }
  const headers = new Headers({ 'mcp-protocol-version': '2026-07-28', 'mcp-method': request.method })
  if (name !== undefined) headers.set('mcp-name', name)
  return service.post(body, {
    ...options,
    headers: { ...Object.fromEntries(headers), ...options.headers },
  })
}

/** The text of a tool's result, without the lines around data from outside. */
export function readText({ content }: ToolResult): string {
  return content.map(({ text }) => readFence(text)?.inside ?? text).join('\n')
}

/** The text before, between and after the marks around data from outside; undefined if there are none. */
export function readFence(text: string): { before: string; inside: string; after: string } | undefined {
  const match =
    /^(?<before>[^\n]*\n<(?<name>outside-\d{18})>\n)(?<inside>.*)(?<after>\n<\/\k<name>>\n.*)$/s.exec(text)
  const { before, inside, after } = match?.groups ?? {}
  return before === undefined || inside === undefined || after === undefined
    ? undefined
    : { before, inside, after }
}

function collectLines(lines: string[]): Writable {
  return new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk))
      done()
    },
  })
}

/** The whole response to a call of a tool, whose errors may name what the caller must not see too. */
export async function callText(
  { post }: McpService,
  name: string,
  args: object,
  caller: string,
): Promise<string> {
  const params = { name, arguments: args }
  return (await post({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }, { caller })).text()
}

/** A call, directly and by each of the tools that call others. */
export function listWays({ name, arguments: args }: { name: string; arguments: object }): [string, object][] {
  return [
    [name, args],
    ['execute_sentry_tool', { name, arguments: args }],
    ['read_sentry_tool', { name, arguments: args }],
  ]
}

/** A reading tool of the skill `inspect`, without parameters. */
export function createTool(name: string, handler: SentryTool['handler']): SentryTool {
  return {
    name,
    description: `The tool ${name}`,
    skills: ['inspect'],
    requiredScopes: [],
    inputSchema: {},
    annotations: { readOnlyHint: true },
    handler,
  }
}
