import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Lifetime } from '../support/lifetime.ts'

/**
 * Stands in front of a service for programs that cannot sign in: adds the access token to every request and leaves
 * the rest of it, Host and Origin above all, as it came. Returns the URL it listens at.
 */
export async function startBearerProxy(t: Lifetime, target: string, accessToken: string): Promise<string> {
  const authorization = `Bearer ${accessToken}`
  const server = createServer((incoming, answer) => {
    const { method, headers, url } = incoming
    const outgoing = request(
      `${target}${url}`,
      { method, headers: { ...headers, authorization } },
      (upstream) => {
        answer.writeHead(upstream.statusCode ?? 502, upstream.headers)
        upstream.pipe(answer)
      },
    )
    // Either side that goes away takes the other with it, which is how calls are cancelled.
    outgoing.on('error', () => answer.destroy())
    answer.on('close', () => outgoing.destroy())
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
