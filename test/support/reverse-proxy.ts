import { once } from 'node:events'
import { createServer, type RequestListener, request } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Certificate } from './certificate.ts'
import type { Lifetime } from './lifetime.ts'

export interface ReverseProxyOptions {
  /** The certificate for TLS; plain HTTP without it. */
  certificate?: Certificate
  /** Replaces the Host of requests. */
  host?: string
  /** Handlers of requests that it does not forward, by the beginning of the path. */
  handlers?: Record<string, RequestListener>
  /** Headers that it removes from responses. */
  dropped?: string[]
}

/** A reverse proxy in front of a server, with the mistakes that operators make. */
export interface ReverseProxy {
  /** `http://localhost:port` or `https://localhost:port` */
  url: string
  /** Where it forwards requests to; until it is set they get 502. */
  target: string | undefined
}

/** Starts a reverse proxy on loopback; it ends with the test. */
export async function startReverseProxy(
  t: Lifetime,
  options: ReverseProxyOptions = {},
): Promise<ReverseProxy> {
  const proxy: ReverseProxy = { url: '', target: undefined }
  const { certificate, host, handlers = {}, dropped = [] } = options

  const handle: RequestListener = (incoming, outgoing) => {
    const own = Object.keys(handlers).find((path) => incoming.url?.startsWith(path))
    if (own !== undefined) return handlers[own]?.(incoming, outgoing)
    if (proxy.target === undefined) return outgoing.writeHead(502).end('Bad gateway')
    const headers = { ...incoming.headers, ...(host !== undefined && { host }) }
    const forwarded = request(new URL(incoming.url ?? '/', proxy.target), {
      method: incoming.method,
      headers,
    })
      .on('response', (response) => {
        for (const name of dropped) delete response.headers[name]
        response.pipe(outgoing.writeHead(response.statusCode ?? 502, response.headers))
      })
      .on('error', () => outgoing.writeHead(502).end('Bad gateway'))
    incoming.pipe(forwarded)
  }

  const server = certificate === undefined ? createServer(handle) : createTlsServer(certificate, handle)
  server.listen(0, 'localhost')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const scheme = certificate === undefined ? 'http' : 'https'
  proxy.url = `${scheme}://localhost:${(server.address() as AddressInfo).port}`
  return proxy
}
