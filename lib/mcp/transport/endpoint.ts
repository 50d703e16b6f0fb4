import { isInputRequiredResult } from '@modelcontextprotocol/server'
import type { Caller } from '../../model/caller.ts'
import type { BudgetShare } from '../../upstream/budget.ts'
import type { CallContext, McpRequest } from '../context.ts'
import { findMissingGrant, renameCall, type ToolCatalogue } from '../tools/catalogue.ts'
import { readNarrowing } from '../tools/narrowing.ts'
import { type DirectRequest, findDirectRequest } from './direct-request.ts'
import { encodeListResponse, respondToCall, respondToInitialize, respondToPing } from './direct-response.ts'
import { createJsonRpcError, INVALID_REQUEST, isRecord, SERVER_ERROR } from './json-rpc.ts'
import { createProgress } from './progress.ts'
import { allowsBatch, classifyRequest, MAX_BATCH, type McpHeaders, readMcpHeaders } from './request.ts'
import { ACCEPTED, createJsonResponse, createPreparedResponse, type McpResponse } from './response.ts'
import { respondBySdk } from './sdk-response.ts'
import { createMcpServer, describeServer, type McpServerOptions, serveCall } from './server.ts'
import { DEFAULT_TIMING, type StreamTiming, streamIfSlow } from './stream.ts'

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
 * The MCP endpoint of every revision from 2024-11-05 to 2026-07-28. It has no sessions, and no state is kept between
 * requests. What `findDirectRequest` does not recognize gets a server of the SDK of its own.
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
    const direct = findDirectRequest(body, headers)
    if (direct !== undefined && direct.method !== 'tools/call')
      return respondAtOnce(direct, { caller, variant })
    const params = findCallParams(request, headers, direct)
    const missing = findMissingGrant(params, variant)
    // A new token with more scopes would not bring a skill, so the tool call itself explains that.
    if (missing !== undefined && missing.skills.length === 0) {
      dependencies.calls.recordRefusal({ ...request, tool: missing.tool }, 'not_granted')
      return requestScope(missing.scope, caller)
    }

    const progress = createProgress()
    const accessToken = await caller.openAccessToken()
    const share = openShare(request)
    const context = { ...request, variant, progress, accessToken, share }
    // The SDK refuses the names of unknown tools.
    const isDirect = direct !== undefined && variant.tools.has(renameCall(direct.params, variant).name)
    const work = () =>
      isDirect
        ? call(direct, context, headers)
        : respondBySdk(request, headers, () => createMcpServer(context, options))
    return streamIfSlow(work, { timing, progress, accept: headers.accept })
  }

  function respondAtOnce(
    request: Exclude<DirectRequest, { method: 'tools/call' }>,
    context: Pick<CallContext, 'caller' | 'variant'>,
  ): McpResponse {
    switch (request.method) {
      case 'notification':
        return ACCEPTED
      case 'ping':
        return createJsonResponse(200, respondToPing(request))
      case 'initialize':
        return createJsonResponse(200, respondToInitialize(request, describeServer(context, options)))
      case 'tools/list':
        return createPreparedResponse(encodeListResponse(request, context.variant, serverInfo))
    }
  }

  async function call(
    direct: Extract<DirectRequest, { method: 'tools/call' }>,
    context: CallContext & McpRequest,
    headers: McpHeaders,
  ): Promise<McpResponse> {
    try {
      const result = await serveCall(direct.params, context, dependencies)
      // The SDK checks that the client can be asked. Sentry's tools ask for nothing.
      if (isInputRequiredResult(result)) {
        return await respondBySdk(context, headers, () =>
          createMcpServer(context, options, async () => result),
        )
      }
      return createJsonResponse(200, respondToCall(direct, result, serverInfo))
    } catch (error) {
      // The client has disconnected, so there is nothing to report and no one to respond to.
      if (context.signal.aborted) return ACCEPTED
      throw error
    }
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

/** The parameters of a `tools/call` that the SDK will not refuse for its form. */
function findCallParams(
  { body }: McpRequest,
  headers: McpHeaders,
  direct: DirectRequest | undefined,
): unknown {
  if (!isRecord(body) || body.method !== 'tools/call') return undefined
  return direct === undefined && classifyRequest(body, headers).kind === 'reject' ? undefined : body.params
}
