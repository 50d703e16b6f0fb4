import { isLoopbackHost } from './loopback.ts'
import { isUnsafeScheme } from './unsafe-scheme.ts'

const MAX_LENGTH = 2048

/** Control characters, encoded once or many times: line breaks among them, which split headers (CWE-113). */
const ENCODED_CONTROL = /%(25)*([01][0-9a-f]|7f)/i

/** Labels that can be in the DNS (RFC 952, and the underscore of RFC 2181 §11), without a dot at the end, or IPv6. */
const HOST = /^([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:]+\])$/

/**
 * Whether a URI may be a redirect URI at all: absolute, of a safe scheme, http only on loopback, without
 * fragment (RFC 6749 §3.1.2) or user information, and spelled exactly as every URL parser spells it, so that
 * what is compared here is what a browser will open.
 */
export function isSafeRedirectUri(uri: string): boolean {
  if (uri.length > MAX_LENGTH || !/^[\x21-\x7e]+$/.test(uri) || /[\\"<>^`{|}#]/.test(uri)) return false
  if (ENCODED_CONTROL.test(uri)) return false
  const url = URL.parse(uri)
  if (url === null || url.username !== '' || url.password !== '') return false
  const scheme = url.protocol.slice(0, -1)
  if (scheme === 'https' || scheme === 'http') {
    return (scheme === 'https' || isLoopbackHost(url.hostname)) && isCanonicalWebUri(uri, url)
  }
  return !isUnsafeScheme(scheme) && isCanonicalPrivateUri(uri, url)
}

/** A web URI whose text is what the parser made of it; the slash of an empty path may be left out. */
function isCanonicalWebUri(uri: string, url: URL): boolean {
  if (!isPlainPath(url.pathname) || !HOST.test(url.hostname)) return false
  return uri === url.href || uri === `${url.origin}${url.search}`
}

/**
 * A URI of a private-use scheme, whose text is what the parser made of it. It has no user information, and no step
 * up in its path; without a slash at its front the parser leaves a path as it is, and others may not. What comes
 * after the scheme is no port, which would make the scheme a host.
 */
function isCanonicalPrivateUri(uri: string, url: URL): boolean {
  const rest = uri.slice(url.protocol.length)
  return (
    uri === url.href &&
    rest.length > 0 &&
    !rest.includes('@') &&
    !/^\d+($|[/?])/.test(rest) &&
    !url.host.includes('%') &&
    isPlainPath(url.host + url.pathname) &&
    !/(^|\/)\.{1,2}($|[/?])/.test(rest)
  )
}

/**
 * A path that every parser reads alike: some decode before they resolve it, once or many times, so it has no
 * encoded separators and dots, and nothing that is no UTF-8 (an overlong slash); and some take `..;x` for a step up.
 */
function isPlainPath(path: string): boolean {
  if (/%(25)*(2f|5c|2e)/i.test(path) || /(^|\/)\.{1,2};/.test(path)) return false
  try {
    decodeURIComponent(path)
    return true
  } catch {
    return false
  }
}

/**
 * Whether a requested redirect URI is one of a client's own: byte for byte (RFC 9700 §2.1), or, where both are
 * http on the same loopback host, apart from the port (RFC 8252 §7.3).
 */
export function isRegisteredRedirectUri(requested: string, registered: readonly string[]): boolean {
  return registered.includes(requested) || registered.some((uri) => isSameLoopbackUri(requested, uri))
}

function isSameLoopbackUri(requested: string, registered: string): boolean {
  const left = URL.parse(requested)
  const right = URL.parse(registered)
  if (left === null || right === null || left.protocol !== 'http:' || right.protocol !== 'http:') return false
  return (
    isLoopbackHost(left.hostname) &&
    left.hostname === right.hostname &&
    left.pathname === right.pathname &&
    left.search === right.search
  )
}

/** The part of a redirect URI that tells a person where it leads: its host, or its scheme where it has none. */
export function describeRedirectTarget(uri: string): string {
  const url = new URL(uri)
  return url.protocol === 'https:' || url.protocol === 'http:' ? url.host : `${url.protocol}//${url.host}`
}
