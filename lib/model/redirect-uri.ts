import { isLoopbackHost } from './loopback.ts'
import { isUnsafeScheme } from './unsafe-scheme.ts'

const MAX_LENGTH = 2048

/** Control characters, encoded once or many times: line breaks among them, which split headers (CWE-113). */
const ENCODED_CONTROL = /%(25)*([01][0-9a-f]|7f)/i

/** DNS labels (RFC 952, and the underscore of RFC 2181 §11) without a trailing dot, or an IPv6 address. */
const HOST = /^([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:]+\])$/

/**
 * Whether a URI can be a redirect URI: absolute, of a safe scheme, http only on loopback, without fragment (RFC 6749
 * §3.1.2) or user information, and spelled exactly as every URL parser spells it, so that a browser opens the URI
 * that was compared here.
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

/** Whether the parser leaves a web URI unchanged; the slash of an empty path may be missing. */
function isCanonicalWebUri(uri: string, url: URL): boolean {
  if (!isPlainPath(url.pathname) || !HOST.test(url.hostname)) return false
  return uri === url.href || uri === `${url.origin}${url.search}`
}

/**
 * Whether the parser leaves a URI of a private-use scheme unchanged, and it has neither user information nor dot
 * segments: this parser keeps the dot segments of a path without a leading slash, other parsers may resolve them. A
 * port in place of the path would turn the scheme into a host.
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
 * Whether every parser reads a path alike. Some decode it before they resolve it, once or repeatedly, so encoded
 * separators, encoded dots and invalid UTF-8 (an overlong slash) are refused; some resolve `..;x` as a dot segment.
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
 * Whether a client has registered a requested redirect URI: byte for byte (RFC 9700 §2.1), or apart from the port if
 * both are http on the same loopback host (RFC 8252 §7.3).
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

/** The parts of a URI, in order, and whether it leads to a program on the user's computer. */
export interface UriParts {
  before: string
  host: string
  after: string
  /** Loopback, or a private-use scheme, which the operating system hands to a program (RFC 8252 §7.1 and §7.3). */
  isLocal: boolean
}

/** Splits a safe URI, such as a redirect URI, around the host that tells a person where it leads. */
export function splitRedirectUri(uri: string): UriParts {
  const { protocol, host, hostname } = new URL(uri)
  const isWeb = protocol === 'https:' || protocol === 'http:'
  const start = uri.indexOf('//') + 2
  const end = start + host.length
  return {
    before: uri.slice(0, start),
    host: uri.slice(start, end),
    after: uri.slice(end),
    isLocal: !isWeb || isLoopbackHost(hostname),
  }
}
