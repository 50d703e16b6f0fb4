import { isLoopbackHost } from '../model/loopback.ts'

/**
 * Whether a page of this origin may speak to us: our own does, and for a server on loopback every page of this
 * machine, which is how developers' tools come.
 */
export function isAllowedOrigin(origin: string, base: URL): boolean {
  return isAllowedUrl(URL.parse(origin), base)
}

/**
 * Whether a Host header names this server. A foreign one means that a page elsewhere had its name resolve to us
 * (DNS rebinding, CVE-2025-66414), or that a proxy does not pass the header on.
 */
export function isAllowedHost(host: string, base: URL): boolean {
  if (host === base.host) return true
  if (!/^[a-z0-9.:[\]-]+$/i.test(host)) return false
  return isAllowedUrl(URL.parse(`${base.protocol}//${host}`), base)
}

function isAllowedUrl(url: URL | null, base: URL): boolean {
  if (url === null) return false
  return url.origin === base.origin || (isLoopbackHost(base.hostname) && isLoopbackHost(url.hostname))
}
