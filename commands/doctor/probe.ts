import { request } from 'node:https'
import { TLSSocket } from 'node:tls'
import type { Config } from '../../lib/config/load.ts'
import { BodyTooLargeError, readBounded } from '../../lib/http/read-bounded.ts'
import type { SentryLocation } from '../../lib/upstream/location.ts'
import { fetchSentry, type SentryFetch, type UpstreamResponse } from '../../lib/upstream/request.ts'
import type { Report } from './report.ts'

/** How long a response may take. */
export const PROBE_TIMEOUT_MS = 5_000

const MAX_BODY_BYTES = 256 * 1024

export interface ProbeResponse {
  status: number
  headers: Headers
  /** The body; empty where it is longer than 256 KiB. */
  text: string
  /** The body, parsed; undefined where it is not a JSON object. */
  json: Record<string, unknown> | undefined
  /** The target of a redirect (3xx). */
  redirect: URL | undefined
  /** When the headers arrived, in ms since the epoch. */
  at: number
}

/** Why there was no response, and what to do about it. */
export interface Failure {
  /** Completes "… cannot be reached: ". */
  reason: string
  advice: string
}

type ProbeResult =
  | { response: ProbeResponse; failure?: undefined }
  | { response?: undefined; failure: Failure }

/** Sends one request, which may take 5 s. Redirects are not followed. */
export function probe(url: string, init: RequestInit = {}): Promise<ProbeResult> {
  return readProbe(url, (signal) => fetch(url, { ...init, redirect: 'manual', signal }))
}

/** The same for a URL of Sentry, which is reached as the service reaches it. */
export function probeSentry(sentry: SentryLocation, url: URL, init: SentryFetch = {}): Promise<ProbeResult> {
  return readProbe(url.href, (signal) => fetchSentry(sentry, url, { ...init, signal }))
}

async function readProbe(
  url: string,
  send: (signal: AbortSignal) => Promise<UpstreamResponse>,
): Promise<ProbeResult> {
  try {
    const response = await send(AbortSignal.timeout(PROBE_TIMEOUT_MS))
    const { status, headers } = response
    const at = Date.now()
    const text = (await readBounded(response.body, MAX_BODY_BYTES).catch(ignoreTooLarge)).toString()
    const location = status >= 300 && status < 400 ? headers.get('location') : null
    const redirect = location === null ? undefined : (URL.parse(location, url) ?? undefined)
    return { response: { status, headers, text, json: parseObject(text), redirect, at } }
  } catch (error) {
    return { failure: explainFailure(error) }
  }
}

function ignoreTooLarge(error: unknown): string {
  if (error instanceof BodyTooLargeError) return ''
  throw error
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}

/** Whether a server with these settings responds on this machine. Proxies are not used for it. */
export async function isServerRunning({ HOST, PORT }: Pick<Config, 'HOST' | 'PORT'>): Promise<boolean> {
  const local: Record<string, string> = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }
  const host = local[HOST] ?? (HOST.includes(':') ? `[${HOST}]` : HOST)
  const { response } = await probe(`http://${host}:${PORT}/health`)
  return response?.status === 200 && response.text === 'ok'
}

/** How long before its expiry a certificate is a warning: 14 days. */
const CERTIFICATE_NOTICE_MS = 14 * 86_400_000

/** Reports when the certificate of an https server expires. The server has responded to another request before. */
export async function reportCertificate(
  url: string,
  report: Report,
  clientCertificate: { cert?: string | undefined; key?: string | undefined } = {},
): Promise<void> {
  const { origin } = new URL(url)
  const isSecure = origin.startsWith('https:')
  const expiry = isSecure ? await readCertificateExpiry(origin, clientCertificate) : undefined
  if (expiry !== undefined) reportExpiry(`The certificate of ${origin}`, expiry, report)
}

/** Reports when a certificate expires, in ms since the epoch. */
export function reportExpiry(what: string, expiry: number, report: Report): void {
  const date = new Date(expiry).toISOString().slice(0, 10)
  if (expiry < Date.now()) report.error(`${what} has expired on ${date}.`, 'Replace it.')
  else {
    const isFar = expiry - Date.now() > CERTIFICATE_NOTICE_MS
    report.okIf(isFar, `${what} expires on ${date}.`, 'Renew it before that day.')
  }
}

/** The expiry in ms since the epoch; undefined where the certificate cannot be read. */
function readCertificateExpiry(origin: string, clientCertificate: object): Promise<number | undefined> {
  const { promise, resolve } = Promise.withResolvers<number | undefined>()
  request(origin, { ...clientCertificate, method: 'HEAD', signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) })
    .on('response', ({ socket }) => {
      const expiry =
        socket instanceof TLSSocket ? Date.parse(socket.getPeerCertificate().valid_to) : Number.NaN
      resolve(Number.isNaN(expiry) ? undefined : expiry)
      socket.destroy()
    })
    .on('error', () => resolve(undefined))
    .end()
  return promise
}

const ADVICE: readonly [codes: RegExp, advice: string][] = [
  [/^(ENOTFOUND|EAI_AGAIN)$/, 'This machine cannot resolve the name: check its spelling, and DNS.'],
  [/^ECONNREFUSED$/, 'Nothing listens there: check host and port, and whether the server is running.'],
  [
    /^(ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT|EHOSTUNREACH|ENETUNREACH|TimeoutError)$/,
    'A firewall may drop the connection. If this network requires a proxy, set HTTPS_PROXY.',
  ],
  [
    /^(UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_)/,
    'Node does not trust the issuer of the certificate. Set NODE_EXTRA_CA_CERTS to the file with the certificate of the issuer (PEM), in the environment itself: Node reads it before any .env.',
  ],
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, 'The certificate is for another name: use that name, or replace it.'],
  [/^CERT_HAS_EXPIRED$/, 'Renew the certificate.'],
  [/^CERT_NOT_YET_VALID$/, 'Set the clock of this machine.'],
  [
    /ALERT_(CERTIFICATE_|BAD_CERTIFICATE|UNKNOWN_CA|HANDSHAKE_FAILURE|ACCESS_DENIED)/,
    'The server there wants a client certificate, or another one (mutual TLS). For Sentry, set SENTRY_CLIENT_CERT and SENTRY_CLIENT_KEY to one that it accepts.',
  ],
  [/^(ERR_SSL_|EPROTO)/, 'The server there does not speak TLS: check the port, and http against https.'],
  [/^HPE_/, 'The server there does not speak HTTP: check the port, and http against https.'],
  [/^(UND_ERR_ABORTED|ERR_PROXY_TUNNEL)$/, 'The proxy refuses: allow the host there, or set NO_PROXY.'],
  [
    /^(ECONNRESET|EPIPE|UND_ERR_SOCKET)$/,
    'The connection broke: check the port, and http against https. Where mutual TLS is required, a missing or foreign client certificate breaks it as well; for Sentry, set SENTRY_CLIENT_CERT and SENTRY_CLIENT_KEY.',
  ],
]

/** Explains why a request failed. It repeats only codes, host names and addresses. */
export function explainFailure(error: unknown): Failure {
  const { code, reason } = findCause(error)
  const [, advice = 'Check whether this machine can reach it, for example with curl.'] =
    ADVICE.find(([codes]) => codes.test(code)) ?? []
  return { reason, advice }
}

/** The innermost error: `fetch` puts it in `cause`, and in a list where a name has several addresses. */
function findCause(error: unknown): { code: string; reason: string } {
  if (!(error instanceof Error)) return { code: 'unknown', reason: 'an unknown error' }
  if (error.name === 'TimeoutError')
    return { code: error.name, reason: `no response within ${PROBE_TIMEOUT_MS / 1000} s` }
  if (error.cause !== undefined) return findCause(error.cause)
  if (error instanceof AggregateError && error.errors.length > 0) return findCause(error.errors[0])
  const { code = error.name, syscall } = error as NodeJS.ErrnoException
  // Messages of the operating system name the address; those of OpenSSL or of a proxy have any length.
  const isPlain = syscall !== undefined || code === 'Error'
  return { code, reason: isPlain ? error.message : code }
}
