/**
 * Posts one JSON-RPC request to an MCP endpoint, as a client of 2025-06-18 does. The client of test/sandbox/walk/ is
 * independent of it on purpose.
 */
export function postMcp(
  url: string,
  token: string | undefined,
  method: string,
  params: object = {},
): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': '2025-06-18',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  })
}
