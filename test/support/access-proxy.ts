import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  request,
  type ServerResponse,
} from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Certificate } from './certificate.ts'
import type { Lifetime } from './lifetime.ts'

export interface AccessProxyOptions {
  /** The origin of the Sentry behind it. */
  target: string
  /** What a program has to send, names in lower case. Without it no header is wanted. */
  headers?: Readonly<Record<string, string>>
  /** The certificate for TLS; plain HTTP without it. */
  certificate?: Certificate
  /** Connections need a certificate that this authority (PEM) issued. */
  clientAuthority?: string
  /** What programs without the headers get: a 403 with a page (the default) or with JSON, or a redirect to its sign-in. */
  refusal?: 'page' | 'json' | 'redirect'
}

/** An access proxy in front of a Sentry, as Cloudflare Access or Google IAP. */
export interface AccessProxy {
  /** `http://localhost:port` or `https://localhost:port` */
  url: string
  /** `localhost:port`, as SENTRY_HOST has it. */
  host: string
  /** Where people sign in: at another origin. */
  loginUrl: string
  /** `METHOD /path` of the requests that it let through because of their headers, and of those that it refused. */
  passed: string[]
  refused: string[]
  /** The names of clients in their certificates. */
  certificates: Set<string>
}

const COOKIE = 'ACCESS_SESSION=a-person'
const [LOGIN, RETURN] = ['/access/login', '/access/return']

/**
 * Starts it on loopback; it ends with `t`. People sign in at it in a browser, which has its cookie from then on; programs
 * send its headers, which Sentry does not see. Others get a 403 that repeats everything they sent.
 */
export async function startAccessProxy(t: Lifetime, options: AccessProxyOptions): Promise<AccessProxy> {
  const { target, headers: wanted = {}, certificate, clientAuthority, refusal = 'page' } = options
  const proxy: AccessProxy = {
    url: '',
    host: '',
    loginUrl: '',
    passed: [],
    refused: [],
    certificates: new Set(),
  }

  const handle: RequestListener = (incoming, outgoing) => {
    const path = incoming.url ?? '/'
    const note = `${incoming.method} ${path.split('?')[0]}`
    if (incoming.socket instanceof TLSSocket) {
      const { subject } = incoming.socket.getPeerCertificate()
      if (subject !== undefined) proxy.certificates.add(String(subject.CN))
    }
    const isProgram = Object.entries(wanted).every(([name, value]) => incoming.headers[name] === value)
    const isPerson = incoming.headers.cookie?.includes(COOKIE) === true
    const to = new URL(path, 'http://localhost').searchParams.get('to') ?? '/'
    if (path.startsWith(LOGIN)) {
      const location = `${proxy.url}${RETURN}?${new URLSearchParams({ to })}`
      return outgoing.writeHead(302, { location }).end()
    }
    if (path.startsWith(RETURN)) {
      return outgoing.writeHead(302, { location: to, 'set-cookie': `${COOKIE}; Path=/` }).end()
    }
    if (isProgram || isPerson) {
      if (isProgram) proxy.passed.push(note)
      return forward(incoming, outgoing)
    }
    const isBrowser = incoming.headers.accept?.includes('text/html') === true
    if (!isBrowser) proxy.refused.push(note)
    if (isBrowser || refusal === 'redirect') {
      const location = `${proxy.loginUrl}?${new URLSearchParams({ to: path })}`
      return outgoing.writeHead(302, { location }).end()
    }
    if (refusal === 'json') {
      outgoing.writeHead(403, { 'content-type': 'application/json' })
      return outgoing.end(JSON.stringify({ detail: `You sent ${JSON.stringify(incoming.headers)}` }))
    }
    const page = `<!DOCTYPE html><title>Forbidden</title><pre>${JSON.stringify(incoming.headers)}</pre>`
    outgoing.writeHead(403, { 'content-type': 'text/html; charset=utf-8' }).end(page)
  }

  function forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const rest = Object.entries(incoming.headers).filter(([name]) => !(name in wanted))
    const forwarded = request(new URL(incoming.url ?? '/', target), {
      method: incoming.method,
      headers: Object.fromEntries(rest),
    })
      .on('response', (response) =>
        response.pipe(outgoing.writeHead(response.statusCode ?? 502, response.headers)),
      )
      .on('error', () => outgoing.writeHead(502).end('Bad gateway'))
    incoming.pipe(forwarded)
  }

  const wantsCertificate = clientAuthority !== undefined
  const server =
    certificate === undefined
      ? createServer(handle)
      : createTlsServer(
          {
            ...{ key: certificate.key, cert: certificate.cert },
            ...(wantsCertificate && { requestCert: true, rejectUnauthorized: true, ca: clientAuthority }),
          },
          handle,
        )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const scheme = certificate === undefined ? 'http' : 'https'
  proxy.host = `localhost:${port}`
  proxy.url = `${scheme}://${proxy.host}`
  proxy.loginUrl = `${scheme}://127.0.0.1:${port}${LOGIN}`
  return proxy
}
