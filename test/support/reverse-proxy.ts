import { once } from 'node:events'
import { createServer, type RequestListener, request } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Certificate } from './certificate.ts'
import type { Lifetime } from './lifetime.ts'

export interface ReverseProxyOptions {
  /** Speaks TLS with this; plain http without. */
  certificate?: Certificate
  /** Puts this host in place of the one that clients name. */
  host?: string
  /** What it answers itself, by the beginning of the path. */
  answers?: Record<string, RequestListener>
  /** Headers that it takes out of answers. */
  dropped?: string[]
}

/** What stands in front of a server, with the faults that operators build into it. */
export interface ReverseProxy {
  /** `http://localhost:port` or `https://localhost:port` */
  url: string
  /** Where it sends requests; nowhere (502) until this is set. */
  target: string | undefined
}

/** Starts a reverse proxy on loopback; it ends with the test. */
export async function startReverseProxy(
  t: Lifetime,
  options: ReverseProxyOptions = {},
): Promise<ReverseProxy> {
  const proxy: ReverseProxy = { url: '', target: undefined }
  const { certificate, host, answers = {}, dropped = [] } = options

  const answer: RequestListener = (incoming, outgoing) => {
    const own = Object.keys(answers).find((path) => incoming.url?.startsWith(path))
    if (own !== undefined) return answers[own]?.(incoming, outgoing)
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

  const server = certificate === undefined ? createServer(answer) : createTlsServer(certificate, answer)
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
