import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { createRedirectUriPolicy } from '../model/redirect-uri-pattern.ts'
import { parseRedisAddress } from './redis-address.ts'
import { SettingError } from './setting-error.ts'

// How the text of a setting becomes its value. Each throws when the text is not what is expected.

export function parseText(text: string): string {
  return text
}

export function parseBoolean(text: string): boolean {
  if (text === 'true' || text === '1') return true
  if (text === 'false' || text === '0') return false
  throw new TypeError('not a boolean')
}

export function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new TypeError('not a whole number')
  return Number(text)
}

export function parsePort(text: string): number {
  const port = parseCount(text)
  if (port > 65_535) throw new RangeError('not a port')
  return port
}

export function parseSeconds(least: number, most: number): (text: string) => number {
  return (text) => {
    const seconds = parseCount(text)
    if (seconds < least || seconds > most) throw new RangeError('out of range')
    return seconds
  }
}

export function parseList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

export function oneOf<const Value extends string>(values: readonly Value[]): (text: string) => Value {
  return (text) => {
    const found = values.find((value) => value === text.toLowerCase())
    if (found === undefined) throw new TypeError('not one of the values')
    return found
  }
}

export function listOf(values: readonly string[]): (text: string) => string[] {
  return (text) => parseList(text).map(oneOf(values))
}

export function parseScopes(text: string): string[] {
  const scopes = [...new Set(text.split(/[\s,]+/).filter((scope) => scope !== ''))]
  if (scopes.length === 0 || !scopes.every((scope) => /^[a-z_-]+(:[a-z_-]+)?$/.test(scope))) {
    throw new TypeError('not a list of scopes')
  }
  return scopes
}

export function parsePatterns(text: string): string[] {
  const patterns = parseList(text)
  if (patterns.length === 0) throw new TypeError('no pattern at all')
  createRedirectUriPolicy(patterns)
  return patterns
}

export function parseProxies(text: string): string[] {
  const proxies = parseList(text)
  const known = ['loopback', 'linklocal', 'uniquelocal']
  if (!proxies.every((proxy) => known.includes(proxy) || isAddressRange(proxy))) {
    throw new TypeError('not addresses')
  }
  return proxies
}

function isAddressRange(text: string): boolean {
  const [address = '', length = '0', ...rest] = text.split('/')
  const version = isIP(address)
  const longest = version === 4 ? 32 : 128
  return version !== 0 && rest.length === 0 && /^\d{1,3}$/.test(length) && Number(length) <= longest
}

export function parseKeys(text: string): string[] {
  const keys = parseList(text)
  if (keys.length === 0 || keys.some((key) => key.length < 32)) throw new RangeError('too short')
  return keys
}

/** RFC 6750 §2.1: what can stand in an Authorization header. */
export function parseBearerToken(text: string): string {
  if (!/^[A-Za-z0-9._~+/-]{32,}=*$/.test(text)) throw new TypeError('not a token of enough length')
  return text
}

export function parseHttpUrl(text: string): string {
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new TypeError('not http')
  return text.replace(/\/+$/, '')
}

export function parseTracesUrl(text: string): string {
  parseHttpUrl(text)
  return text
}

/** The parts that a DSN needs: a key, a host, and the number of a project at the end of its path. */
export function parseDsn(text: string): string {
  const { protocol, username, pathname } = new URL(text)
  if (!/^https?:$/.test(protocol) || !/^\w+$/.test(username) || !/\/\d+$/.test(pathname))
    throw new TypeError('not a DSN')
  return text
}

/** W3C Baggage without properties, as the OTLP specification has it. */
export function parseHeaders(text: string): Record<string, string> {
  return Object.fromEntries(
    parseList(text).map((pair) => {
      const [, name = '', value = ''] = /^([\w!#$%&'*+.^`|~-]+)\s*=\s*(.*)$/.exec(pair) ?? []
      if (name === '') throw new TypeError('not a pair')
      return [name.toLowerCase(), decodeURIComponent(value)]
    }),
  )
}

/** Programs differ in whether a proxy needs a scheme; what follows the port means nothing to any of them. */
export function parseProxyUrl(text: string): string {
  const url = new URL(text.includes('://') ? text : `http://${text}`)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new TypeError('not http')
  const { protocol, username, password, host } = url
  return `${protocol}//${username && `${username}:${password}@`}${host}`
}

export function parseBaseUrl(text: string): string {
  const url = new URL(parseHttpUrl(text))
  if (url.search || url.hash || url.username || url.password) throw new TypeError('more than a URL')
  return `${url.origin}${url.pathname.replace(/\/+$/, '')}`
}

export function parseHost(text: string): string {
  const url = new URL(`https://${text}`)
  if (url.host !== text.toLowerCase() && `${url.host}:443` !== text.toLowerCase())
    throw new TypeError('not a host')
  return text.toLowerCase()
}

export function parseRedisUrl(text: string): string {
  parseRedisAddress(text)
  return text
}

/** A certificate (PEM), or the path of a file that holds it. Secret stores often keep a line break as `\\n`. */
export function parseCertificate(text: string): string {
  const pem = readPem(text, `as the path of a file, cannot be read: ${JSON.stringify(text)}.`)
  try {
    new X509Certificate(pem)
  } catch {
    throw new SettingError(['which should hold a certificate in PEM form, does not.'])
  }
  return pem
}

/** A private key without a passphrase (PEM), or the path of a file that holds it. */
export function parsePrivateKey(text: string): string {
  // What is neither may be a key that was pasted without its first line.
  const pem = readPem(text, 'as the path of a file, cannot be read.')
  try {
    createPrivateKey(pem)
  } catch {
    throw new SettingError(['which should hold a private key in PEM form without a passphrase, does not.'])
  }
  return pem
}

function readPem(text: string, problem: string): string {
  if (text.includes('-----BEGIN ')) return text.replaceAll('\\n', '\n')
  try {
    return readFileSync(text, 'utf8')
  } catch {
    throw new SettingError([problem])
  }
}
