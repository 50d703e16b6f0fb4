import { isLoopbackHost } from '../loopback.ts'

const MAX_LENGTH = 2048

/**
 * Schemes that are no way back to a client: they run script or programs, open files or mail, or are fetched as
 * something else. Every other private-use scheme is one (RFC 8252 §7.1: cursor, vscode, claude and the like).
 */
const UNSAFE_SCHEMES = new Set([
  ...['about', 'blob', 'chrome', 'data', 'filesystem', 'jar', 'javascript', 'livescript', 'mhtml', 'mocha'],
  ...['resource', 'vbscript', 'view-source', 'wyciwyg'],
  ...['android-app', 'help', 'intent', 'itms-services', 'search', 'search-ms', 'shell'],
  ...['facetime', 'mailto', 'sms', 'tel'],
  ...['file', 'ftp', 'ftps', 'gopher', 'ldap', 'ldaps', 'nfs', 'sftp', 'smb', 'ssh', 'telnet', 'ws', 'wss'],
])

/**
 * Whether a URI may be a redirect URI at all: absolute, of a safe scheme, http only on loopback, without
 * fragment (RFC 6749 §3.1.2) or user information, and spelled exactly as every URL parser spells it, so that
 * what is compared here is what a browser will open.
 */
export function isSafeRedirectUri(uri: string): boolean {
  if (uri.length > MAX_LENGTH || !/^[\x21-\x7e]+$/.test(uri) || /[\\"<>^`{|}#]/.test(uri)) return false
  const url = URL.parse(uri)
  if (url === null || url.username !== '' || url.password !== '') return false
  const scheme = url.protocol.slice(0, -1)
  if (scheme === 'https' || scheme === 'http') {
    return (scheme === 'https' || isLoopbackHost(url.hostname)) && isCanonicalWebUri(uri, url)
  }
  // Those of Microsoft's own (CVE-2022-30190: ms-msdt) start programs with what the URI says.
  if (UNSAFE_SCHEMES.has(scheme) || scheme.startsWith('ms-')) return false
  return isCanonicalPrivateUri(uri, url)
}

/** A web URI whose text is what the parser made of it; the slash of an empty path may be left out. */
function isCanonicalWebUri(uri: string, url: URL): boolean {
  if (hasHiddenPathSegment(url.pathname)) return false
  if (url.hostname.endsWith('.')) return false
  return uri === url.href || uri === `${url.origin}${url.search}`
}

/**
 * A URI of a private-use scheme, whose text is what the parser made of it. It has no user information, and no step
 * up in its path; without a slash at its front the parser leaves a path as it is, and others may not.
 */
function isCanonicalPrivateUri(uri: string, url: URL): boolean {
  const rest = uri.slice(url.protocol.length)
  return (
    uri === url.href &&
    rest.length > 0 &&
    !rest.includes('@') &&
    !hasHiddenPathSegment(url.host + url.pathname) &&
    !/(^|\/)\.{1,2}($|[/?])/.test(rest)
  )
}

/** Encoded separators and dots, once or many times: some parsers decode before they resolve a path. */
function hasHiddenPathSegment(path: string): boolean {
  return /%(25)*(2f|5c|2e|00)/i.test(path)
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
