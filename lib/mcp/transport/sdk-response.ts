import {
  createMcpHandler,
  type Server,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server'
import { redactInput } from '../../telemetry/redact.ts'
import type { McpRequest } from '../context.ts'
import { classifyRequest, type McpHeaders, toWebRequest } from './request.ts'
import { type McpResponse, readWebResponse } from './response.ts'

/** The response of a server of the SDK that serves this request only. */
export async function respondBySdk(
  request: McpRequest,
  headers: McpHeaders,
  createServer: () => Server,
): Promise<McpResponse> {
  return readWebResponse(await fetchFromSdk(request, headers, createServer))
}

function fetchFromSdk(
  request: McpRequest,
  headers: McpHeaders,
  createServer: () => Server,
): Promise<Response> {
  if (classifyRequest(request.body, headers).kind === 'legacy') return serveLegacy(request, createServer())
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
