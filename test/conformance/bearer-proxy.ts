import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Lifetime } from '../support/lifetime.ts'

/**
 * A proxy for programs that cannot sign in: adds the access token to every request and forwards the rest, Host and
 * Origin included, unchanged. Returns its URL.
 */
export async function startBearerProxy(t: Lifetime, target: string, accessToken: string): Promise<string> {
  const authorization = `Bearer ${accessToken}`
  const server = createServer((incoming, response) => {
    const { method, headers, url } = incoming
    const outgoing = request(
      `${target}${url}`,
      { method, headers: { ...headers, authorization } },
      (upstream) => {
        response.writeHead(upstream.statusCode ?? 502, upstream.headers)
        upstream.pipe(response)
      },
    )
    // When one side closes its connection, the other is closed too: so clients cancel calls.
    outgoing.on('error', () => response.destroy())
    response.on('close', () => outgoing.destroy())
    incoming.pipe(outgoing)
  })
  server.listen(0, 'localhost')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://localhost:${(server.address() as AddressInfo).port}`
}
