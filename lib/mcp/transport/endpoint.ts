import {
  createMcpHandler,
  type Server,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server'
import type { Caller } from '../../model/caller.ts'
import { redactInput } from '../../telemetry/redact.ts'
import type { ToolVariant } from '../tools/catalogue.ts'
import { createErrorAnswer, INVALID_REQUEST, isRecord, SERVER_ERROR } from './json-rpc.ts'
import { createProgress } from './progress.ts'
import {
  acceptsStream,
  allowsBatch,
  classifyRequest,
  type McpRequest,
  type Route,
  readMcpHeaders,
  toWebRequest,
} from './request.ts'
import { createJsonAnswer, createPreparedAnswer, type McpAnswer, readAnswer } from './response.ts'
import { createMcpServer, findMissingTool, type McpServerOptions } from './server.ts'
import { type AnswerTiming, answerInTime, DEFAULT_TIMING } from './stream.ts'
import { encodeListAnswer, findListRequest } from './tools-list.ts'

export interface McpEndpoint {
  /**
   * Answers a request of an authenticated caller. Rejects when the caller's access to Sentry cannot be opened, as
   * `openAccessToken` does, and for faults of this server.
   */
  answer(request: McpRequest, caller: Caller): Promise<McpAnswer>
}

export interface McpEndpointOptions extends McpServerOptions {
  /**
   * The `WWW-Authenticate` value that asks the client for a wider grant: for all of `scope`, which includes what
   * is granted already (RFC 6750 §3.1; MCP 2025-11-25, step-up authorization).
   */
  challengeScope(scope: readonly string[], caller: Caller): string
  timing?: AnswerTiming
}

/**
 * The MCP endpoint of every revision from 2024-11-05 to 2026-07-28. It has no sessions: each request is answered
 * by a server of its own, and nothing is remembered from one to the next.
 */
export function createMcpEndpoint(options: McpEndpointOptions): McpEndpoint {
  const { catalogue, serverInfo, timing = DEFAULT_TIMING } = options

  async function answer(request: McpRequest, caller: Caller): Promise<McpAnswer> {
    const { body, signal, reference, log } = request
    const headers = readMcpHeaders(request.headers)
    if (Array.isArray(body) && !allowsBatch(headers)) {
      return createJsonAnswer(400, createErrorAnswer(INVALID_REQUEST, 'This revision of MCP has no batches.'))
    }
    const variant = catalogue.findVariant(caller)
    const list = findListRequest(body, headers)
    if (list !== undefined) return createPreparedAnswer(encodeListAnswer(variant, list, serverInfo))
    const route = classifyRequest(body, headers)
    const lacking = route.kind === 'reject' ? undefined : findMissingScope(body, caller, variant)
    if (lacking !== undefined) {
      options.environment.calls.recordRefusal({ tool: lacking.tool, caller, signal, log }, 'not_granted')
      return askForScope(lacking.scope, caller)
    }

    const accessToken = await caller.openAccessToken()
    const progress = createProgress()
    const exchange = { caller, accessToken, variant, progress, signal, reference, log }
    const served = serve(request, route, () => createMcpServer(exchange, options))
    const mayStream = acceptsStream(headers)
    return readAnswer(await answerInTime(served, { timing, progress, mayStream }))
  }

  /** The scopes that a call lacks and the user could grant; none when it is not scopes alone that it lacks. */
  function findMissingScope(body: unknown, caller: Caller, variant: ToolVariant) {
    if (!isRecord(body) || body.method !== 'tools/call') return undefined
    const tool = findMissingTool(body.params, variant)
    if (tool === undefined) return undefined
    const verdict = catalogue.judge(tool, caller)
    if (verdict.verdict !== 'not_granted' || verdict.skills.length > 0) return undefined
    return { tool, scope: verdict.scope }
  }

  function askForScope(missing: readonly string[], caller: Caller): McpAnswer {
    const scope = [...new Set([...caller.scope, ...missing])]
    return createJsonAnswer(
      403,
      createErrorAnswer(SERVER_ERROR, `This call needs the permission ${missing.join(', ')}.`),
      { 'www-authenticate': options.challengeScope(scope, caller) },
    )
  }

  return { answer }
}

function serve(request: McpRequest, route: Route, createServer: () => Server): Promise<Response> {
  if (route.kind === 'legacy') return serveLegacy(request, createServer())
  const onerror = createRefusalLog(request)
  const handler = createMcpHandler(createServer, { legacy: 'reject', onerror })
  return handler.fetch(toWebRequest(request), { parsedBody: request.body })
}

function createRefusalLog({ log }: McpRequest): (error: Error) => void {
  return ({ message }) => log.debug({ reason: redactInput(message) }, 'MCP request refused')
}

/** The SDK's own handler would answer the older revisions with a stream each time. */
async function serveLegacy(request: McpRequest, server: Server): Promise<Response> {
  server.onerror = createRefusalLog(request)
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true })
  await server.connect(transport)
  try {
    const response = await transport.handleRequest(toWebRequest(request), { parsedBody: request.body })
    return Array.isArray(request.body) && response.status === 200 ? await answerBatch(response) : response
  } finally {
    await server.close()
  }
}

/** A batch is answered by an array (JSON-RPC 2.0 §6), also a batch of one, which the SDK takes for no batch. */
async function answerBatch(response: Response): Promise<Response> {
  return Response.json([await response.json()].flat())
}
