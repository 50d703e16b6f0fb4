import type { Server, ServerResponse } from 'node:http'

/** How long a client may take no byte of a complete response, in ms. */
const SEND_TIMEOUT_MS = 30_000

/**
 * Closes connections whose client has stopped reading, since unsent responses fill memory. The time begins when a
 * response is complete and again with every byte that the client takes, so a slow client is served, and a call that is
 * silent for long is not interrupted. Node.js notices after one to two times `timeoutMs`. It has no setting for this:
 * `server.timeout` also ends silent calls.
 */
export function closeUnreadConnections(server: Server, timeoutMs = SEND_TIMEOUT_MS): void {
  server.prependListener('request', (_request, response: ServerResponse) => {
    // Node.js replaces the timeout by that of idle connections once everything was sent, and resets it for the next
    // request.
    response.once('prefinish', () => response.socket?.setTimeout(timeoutMs))
  })
}
