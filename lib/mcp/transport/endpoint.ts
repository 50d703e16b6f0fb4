import {
  createMcpHandler,
  type Server,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server'
import type { Caller } from '../../model/caller.ts'
import { redactInput } from '../../telemetry/redact.ts'
import type { BudgetShare } from '../../upstream/budget.ts'
import type { McpRequest } from '../context.ts'
import { findMissingGrant, type ToolCatalogue } from '../tools/catalogue.ts'
import { readNarrowing } from '../tools/narrowing.ts'
import { createJsonRpcError, INVALID_REQUEST, isRecord, SERVER_ERROR } from './json-rpc.ts'
import { createProgress } from './progress.ts'
import {
  allowsBatch,
  classifyRequest,
  MAX_BATCH,
  type Route,
  readMcpHeaders,
  toWebRequest,
} from './request.ts'
import { createJsonResponse, createPreparedResponse, type McpResponse, readWebResponse } from './response.ts'
import { createMcpServer, type McpServerOptions } from './server.ts'
import { DEFAULT_TIMING, type StreamTiming, streamIfSlow } from './stream.ts'
import { encodeListResponse, findListRequest } from './tools-list.ts'

export interface McpEndpoint {
  /**
   * Responds to a request. Rejects with `InvalidNarrowingError`, as `caller.openAccessToken` does, and on faults of this
   * server.
   */
  respond(request: McpRequest): Promise<McpResponse>
}

export interface McpEndpointOptions extends McpServerOptions {
  catalogue: ToolCatalogue
  /**
   * The `WWW-Authenticate` value that asks the client for a wider grant: for all of `scope`, which includes the scopes
   * granted already (RFC 6750 §3.1; MCP 2025-11-25, step-up authorization).
   */
  challengeScope(scope: readonly string[], caller: Caller): string
  timing?: StreamTiming
}

/**
 * The MCP endpoint of every revision from 2024-11-05 to 2026-07-28. It has no sessions: each request gets a server of
 * its own, and no state is kept between requests.
 */
export function createMcpEndpoint(options: McpEndpointOptions): McpEndpoint {
  const { catalogue, dependencies, serverInfo, timing = DEFAULT_TIMING } = options

  async function respond(received: McpRequest): Promise<McpResponse> {
    const narrowing = readNarrowing(received.query, catalogue.isTool)
    const caller = narrowing === undefined ? received.caller : { ...received.caller, narrowing }
    const request = { ...received, caller }
    const { body } = request
    const headers = readMcpHeaders(request)
    if (!headers.accept.json && !headers.accept.stream) {
      const message = 'Not acceptable: responses are application/json or text/event-stream.'
      return createJsonResponse(406, createJsonRpcError(SERVER_ERROR, message))
    }
    if (Array.isArray(body) && !allowsBatch(headers)) {
      return createJsonResponse(
        400,
        createJsonRpcError(INVALID_REQUEST, 'This revision of MCP has no batches.'),
      )
    }
    if (Array.isArray(body) && body.length > MAX_BATCH) {
      const message = `A batch may have ${MAX_BATCH} messages; this one has ${body.length}.`
      return createJsonResponse(400, createJsonRpcError(INVALID_REQUEST, message))
    }
    const variant = catalogue.findVariant(caller)
    const list = findListRequest(body, headers)
    if (list !== undefined) return createPreparedResponse(encodeListResponse(variant, list, serverInfo))
    const route = classifyRequest(body, headers)
    const isCall = route.kind !== 'reject' && isRecord(body) && body.method === 'tools/call'
    const missing = isCall ? findMissingGrant(body.params, variant) : undefined
    // A new token with more scopes would not bring a skill, so the tool call itself explains that.
    if (missing !== undefined && missing.skills.length === 0) {
      dependencies.calls.recordRefusal({ ...request, tool: missing.tool }, 'not_granted')
      return requestScope(missing.scope, caller)
    }

    const progress = createProgress()
    const accessToken = await caller.openAccessToken()
    const share = openShare(request)
    const context = { ...request, variant, progress, accessToken, share }
    const served = serve(request, route, () => createMcpServer(context, options))
    return readWebResponse(await streamIfSlow(served, { timing, progress, accept: headers.accept }))
  }

  /** Memory counts until the response was sent: until then its text is held. */
  function openShare({ caller, signal, ended }: McpRequest): BudgetShare {
    const share = dependencies.budget.open(caller.subject, signal)
    if (ended.aborted) share.close()
    else ended.addEventListener('abort', () => share.close(), { once: true })
    return share
  }

  function requestScope(missing: readonly string[], caller: Caller): McpResponse {
    const scope = [...new Set([...caller.scope, ...missing])]
    return createJsonResponse(
      403,
      createJsonRpcError(SERVER_ERROR, `This call needs the permission ${missing.join(', ')}.`),
      { 'www-authenticate': options.challengeScope(scope, caller) },
    )
  }

  return { respond }
}

function serve(request: McpRequest, route: Route, createServer: () => Server): Promise<Response> {
  if (route.kind === 'legacy') return serveLegacy(request, createServer())
  const onerror = createRefusalLog(request)
  const handler = createMcpHandler(createServer, { legacy: 'reject', onerror })
  return handler.fetch(toWebRequest(request), { parsedBody: request.body })
}

function createRefusalLog({ log }: McpRequest): (error: Error) => void {
  return ({ message }) => log.debug({ reason: redactInput(message, 500) }, 'MCP request refused')
}

/** The SDK's own handler responds to the older revisions with a stream each time. */
async function serveLegacy(request: McpRequest, server: Server): Promise<Response> {
  server.onerror = createRefusalLog(request)
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true })
  await server.connect(transport)
  try {
    const response = await transport.handleRequest(toWebRequest(request), { parsedBody: request.body })
    return Array.isArray(request.body) && response.status === 200 ? await toBatchResponse(response) : response
  } finally {
    await server.close()
  }
}

/** The response to a batch is an array (JSON-RPC 2.0 §6). To a batch of one, the SDK sends an object. */
async function toBatchResponse(response: Response): Promise<Response> {
  return Response.json([await response.json()].flat())
}
