import { once } from 'node:events'
import { createServer, request as send } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Lifetime } from './lifetime.ts'

/** A proxy of a company network: only it can resolve external names. */
export interface ForwardProxy {
  url: string
  /** The requested targets, `host:port`. */
  asked: string[]
  /** The credentials of the requests. */
  credentials: (string | undefined)[]
}

/**
 * Starts a proxy on loopback that opens tunnels (CONNECT, RFC 9110 §9.3.6) to the given ports of this machine, by
 * the host that is asked for, and passes requests without a body on to them (RFC 9112 §3.2.2). It responds 403 for
 * any other host.
 */
export async function startForwardProxy(t: Lifetime, hosts: Record<string, number>): Promise<ForwardProxy> {
  const proxy: ForwardProxy = { url: '', asked: [], credentials: [] }
  const sockets = new Set<Socket>()
  const server = createServer((request, response) => {
    const { hostname, host, port, pathname, search } = new URL(request.url ?? '')
    proxy.asked.push(`${hostname}:${port || 80}`)
    proxy.credentials.push(request.headers['proxy-authorization'])
    if (hosts[hostname] === undefined) return response.writeHead(403).end()
    const target = {
      host: '127.0.0.1',
      port: hosts[hostname],
      path: `${pathname}${search}`,
      headers: { host },
    }
    send({ ...target, method: request.method })
      .on('response', (upstream) => upstream.pipe(response.writeHead(upstream.statusCode ?? 502)))
      .on('error', () => response.writeHead(502).end())
      .end()
  })
  server.on('connection', (socket) => sockets.add(socket))
  server.on('connect', (request, client: Socket) => {
    const target = request.url ?? ''
    proxy.asked.push(target)
    proxy.credentials.push(request.headers['proxy-authorization'])
    const port = hosts[target.replace(/:\d+$/, '')]
    if (port === undefined) return client.end('HTTP/1.1 403 Forbidden\r\n\r\n')
    const upstream = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      upstream.pipe(client).pipe(upstream)
    })
    sockets.add(upstream)
    upstream.on('error', () => client.destroy())
    client.on('error', () => upstream.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  proxy.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return proxy
}
