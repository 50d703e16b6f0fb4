import { isLoopbackHost } from '../model/loopback.ts'

export interface OriginSettings {
  BASE_URL: string
  /** Other origins, as browsers spell them. */
  ALLOWED_ORIGINS: readonly string[]
}

/**
 * Whether pages of an origin may call the endpoints for clients: the server's own origin, those of ALLOWED_ORIGINS, and
 * for a server on loopback every loopback origin, which developers' tools have.
 */
export function createOriginPolicy({
  BASE_URL,
  ALLOWED_ORIGINS,
}: OriginSettings): (origin: string) => boolean {
  const base = new URL(BASE_URL)
  return (origin) => ALLOWED_ORIGINS.includes(origin) || isAllowedUrl(URL.parse(origin), base)
}

/**
 * Whether a Host header names this server. Another one means that a foreign page's name resolves to this server (DNS
 * rebinding, CVE-2025-66414), or that a proxy rewrites the header.
 */
export function isAllowedHost(host: string, base: URL): boolean {
  if (host === base.host) return true
  if (!/^[a-z0-9.:[\]-]+$/i.test(host)) return false
  return isAllowedUrl(URL.parse(`${base.protocol}//${host}`), base)
}

/**
 * Whether a request target names this server: a path does, and a URL (absolute-form) whose host does, since that host
 * takes the place of the Host header (RFC 9112 §3.2.2).
 */
export function isAllowedTarget(target: string, base: URL): boolean {
  if (target.startsWith('/') || target === '*') return true
  const url = URL.parse(target)
  return url !== null && isAllowedHost(url.host, base)
}

function isAllowedUrl(url: URL | null, base: URL): boolean {
  if (url === null) return false
  return url.origin === base.origin || (isLoopbackHost(base.hostname) && isLoopbackHost(url.hostname))
}
