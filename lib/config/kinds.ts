import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'
import type { Client } from '../model/client.ts'
import { isLoopbackHost } from '../model/loopback.ts'
import { createRedirectUriPolicy } from '../model/redirect-uri-pattern.ts'
import { isSlug } from '../model/resource.ts'
import { parseCustomHeaders } from './custom-headers.ts'
import { parseRedisAddress } from './redis-address.ts'
import { type Kind, SettingError } from './setting.ts'
import { parseStaticClients } from './static-clients.ts'

export const text: Kind<string> = { expected: 'text', parse: (value) => value }

/** Any text, which is secret. */
export const secret: Kind<string> = { ...text, secret: true }

/** Something that Sentry issued, in which a quotation mark can only be left from the file that it was copied from. */
export const credential: Kind<string> = {
  ...text,
  parse(value) {
    if (/["'`‘’“”„«»]/.test(value))
      throw new SettingError(['it has a quotation mark, which Sentry does not issue: remove it.'])
    return value
  },
}

/** The name of an MCP server, which clients also use in identifiers. */
export const serverName: Kind<string> = {
  expected: 'up to 64 letters, digits, dots, dashes and underscores',
  parse: (value) => requireMatch(value, /^[A-Za-z0-9._-]{1,64}$/),
}

/** One line that people read. */
export const title: Kind<string> = {
  expected: 'up to 80 characters on one line',
  parse: (value) => requireMatch(value, /^[^\p{C}\p{Zl}\p{Zp}]{1,80}$/u),
}

export const flag: Kind<boolean> = { expected: 'true or false', parse: parseFlag }

/** A whole number of at most nine digits. */
export const count: Kind<number> = { expected: 'a whole number', parse: parseCount }

export const port: Kind<number> = { expected: 'a port from 0 to 65535', parse: rangeParser(0, 65_535) }

/** A list, separated by commas. */
export function list(expected: string): Kind<string[]> {
  return { expected, parse: parseList }
}

/** An http(s) URL, without the slashes at its end. */
export const httpUrl: Kind<string> = {
  expected: 'a URL that begins with https:// or http://',
  parse: (value) => requireHttpUrl(value).replace(/\/+$/, ''),
}

/** A duration in whole seconds. */
export function seconds(least: number, most: number): Kind<number> {
  return { expected: `a number of seconds from ${least} to ${most}`, parse: rangeParser(least, most) }
}

/** One of these values, in any case. */
export function choice<const Value extends string>(values: readonly Value[]): Kind<Value> {
  const parse = (value: string) => {
    const found = values.find((known) => known === value.toLowerCase())
    if (found === undefined) throw new TypeError('not one of the values')
    return found
  }
  return { expected: `${values.slice(0, -1).join(', ')} or ${values.at(-1)}`, parse }
}

/** A list of these values. `name` is their plural. */
export function choices(name: string, values: readonly string[]): Kind<string[]> {
  const one = choice(values)
  return {
    expected: `${name} separated by commas, out of ${values.join(', ')}`,
    parse: (value) => parseList(value).map(one.parse),
  }
}

const SECRET_ADVICE = '32 characters or more; generate one with: openssl rand -base64 32'

/** Keys of 32 characters or more; the first one is used, all are accepted. */
export const keys: Kind<string[]> = {
  expected: SECRET_ADVICE,
  secret: true,
  parse(text) {
    const found = parseList(text)
    if (found.length === 0 || found.some((key) => key.length < 32)) throw new RangeError('too short')
    return found
  },
}

/** A token that an Authorization header can carry (RFC 6750 §2.1). */
export const bearerToken: Kind<string> = {
  expected: SECRET_ADVICE,
  secret: true,
  parse: (text) => requireMatch(text, /^[A-Za-z0-9._~+/-]{32,}=*$/),
}

export const baseUrl: Kind<string> = {
  expected: 'the public URL of this server, such as https://mcp.example.com',
  parse(text) {
    const url = new URL(requireHttpUrl(text))
    if (url.search || url.hash || url.username || url.password) throw new TypeError('more than a URL')
    const base = `${url.origin}${url.pathname.replace(/\/+$/, '')}`
    if (base.endsWith('/mcp')) {
      throw new SettingError([
        `it is the address of the server, to which /mcp is added for clients: set it to ${base.slice(0, -'/mcp'.length)}`,
      ])
    }
    return base
  },
}

export const sentryHost: Kind<string> = {
  expected: 'the host name of your Sentry without a scheme, such as sentry.io or sentry.example.com',
  parse(text) {
    const [host, wanted] = [new URL(`https://${text}`).host, text.toLowerCase()]
    if (wanted !== host && wanted !== `${host}:443`) throw new TypeError('not a host')
    return wanted
  },
}

/** The origin of Sentry; it has no path, since Sentry's pages work at the root of a host only. */
export const sentryOrigin: Kind<string> = {
  expected: 'the URL of Sentry in a browser, without a path, such as https://sentry.example.com',
  parse(text) {
    const { origin, href } = new URL(requireHttpUrl(text))
    if (href !== `${origin}/`) throw new TypeError('more than an origin')
    return origin
  },
}

export const customHeaders: Kind<Readonly<Record<string, string>>> = {
  expected: 'headers (Name: value), separated by semicolons or line breaks',
  secret: true,
  parse: parseCustomHeaders,
}

export const scopes: Kind<string[]> = {
  expected: 'Sentry scopes separated by commas, such as org:read,project:read',
  parse(text) {
    const found = new Set(text.split(/[\s,]+/).filter((scope) => scope !== ''))
    if (found.size === 0) throw new TypeError('no scope')
    return [...found].map((scope) => requireMatch(scope, /^[a-z_-]+(:[a-z_-]+)?$/))
  },
}

/** Slugs, in lower case as Sentry keeps them. */
export const organizations: Kind<string[]> = {
  expected: 'the slugs of organizations at Sentry separated by commas, such as acme,acme-labs',
  parse(text) {
    const slugs = parseList(text.toLowerCase())
    if (slugs.length === 0 || !slugs.every(isSlug)) throw new TypeError('not slugs')
    const ids = slugs.filter((slug) => /^\d+$/.test(slug))
    if (ids.length > 0)
      throw new SettingError(ids.map((id) => `${id} is the id of an organization: give its slug instead.`))
    return [...new Set(slugs)]
  },
}

/** Origins as browsers send them (RFC 6454 §6.2): patterns, `*` and `null` name more than one site each. */
export const origins: Kind<string[]> = {
  expected:
    'exact origins separated by commas, such as https://app.example.com (https, or http on loopback; no path, no *)',
  parse: (text) => parseList(text).map(parseOrigin),
}

function parseOrigin(text: string): string {
  const { origin, protocol, hostname } = new URL(requireHttpUrl(text))
  const port = protocol === 'https:' ? ':443' : ':80'
  if (![origin, `${origin}${port}`].includes(text.toLowerCase())) throw new TypeError('not an origin')
  requireMatch(hostname, /^([a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:]+\])$/)
  if (protocol === 'http:' && !isLoopbackHost(hostname)) throw new TypeError('not https')
  return origin
}

export const redirectUriPatterns: Kind<string[]> = {
  expected: 'patterns separated by commas, such as http://localhost:*,https://*.example.com/callback',
  parse(text) {
    const patterns = parseList(text)
    if (patterns.length === 0) throw new TypeError('no pattern')
    createRedirectUriPolicy(patterns)
    return patterns
  },
}

export const addressRanges: Kind<string[]> = {
  expected: 'addresses or CIDR ranges, such as 10.0.0.0/8,127.0.0.1',
  parse(text) {
    const ranges = parseList(text)
    if (!ranges.every(isAddressRange)) throw new TypeError('not addresses')
    return ranges
  },
}

/** The names are those that Fastify knows. */
function isAddressRange(text: string): boolean {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(text)) return true
  const { IPv4, IPv6 } = ipaddr
  return isIP(text) !== 0 || IPv4.isValidCIDRFourPartDecimal(text) || IPv6.isValidCIDR(text)
}

/** The URL of a proxy, without a path. Programs differ in whether it needs a scheme. */
export const proxyUrl: Kind<string> = {
  expected: 'the URL of a proxy, such as http://proxy.example.com:3128',
  secret: true,
  parse(text) {
    const url = new URL(requireHttpUrl(text.includes('://') ? text : `http://${text}`))
    return `${url.protocol}//${url.username && `${url.username}:${url.password}@`}${url.host}`
  },
}

/** What Sentry's SDKs need of a DSN: a key, a host, and the number of a project at the end of the path. */
export const dsn: Kind<string> = {
  expected: 'the DSN of a project, such as https://key@sentry.example.com/1',
  secret: true,
  parse(text) {
    const { username, pathname } = new URL(requireHttpUrl(text))
    requireMatch(username, /^\w+$/)
    requireMatch(pathname, /\/\d+$/)
    return text
  },
}

/** W3C Baggage without properties, as the OTLP specification has it: values are percent-encoded. */
export const otlpHeaders: Kind<Record<string, string>> = {
  expected: 'pairs such as authorization=Bearer%20…,x-scope=mcp',
  secret: true,
  parse: (text) => Object.fromEntries(parseList(text).map(parseHeader)),
}

function parseHeader(pair: string): [name: string, value: string] {
  const [, name = '', value = ''] = /^([\w!#$%&'*+.^`|~-]+)\s*=\s*(.*)$/.exec(pair) ?? []
  if (name === '') throw new TypeError('not a pair')
  return [name.toLowerCase(), decodeURIComponent(value)]
}

export const otlpTracesUrl: Kind<string> = {
  expected: 'a URL, such as http://localhost:4318/v1/traces',
  parse: requireHttpUrl,
}

export const redisUrl: Kind<string> = {
  expected:
    'redis://host:6379, redis+sentinel://host:26379,host:26379/name or redis+cluster://host:6379,host:6379, or one that begins with rediss for TLS',
  secret: true,
  parse(text) {
    parseRedisAddress(text)
    return text
  },
}

export const certificate = pem('certificates (PEM), or the path of a file that holds them', {
  isSecret: false,
  parse: (text) => new X509Certificate(text),
  problem: 'it is not a certificate in PEM form.',
})

export const clientCertificate: Kind<string> = {
  ...certificate,
  expected: 'a certificate (PEM), or the path of a file that holds it',
}

export const privateKey = pem(
  'a private key without a passphrase (PEM), or the path of a file that holds it',
  {
    isSecret: true,
    parse: createPrivateKey,
    problem: 'it is not a private key in PEM form without a passphrase.',
  },
)

export const staticClients: Kind<Client[]> = {
  expected:
    'a JSON array of client metadata, such as [{"client_id":"…","client_secret":"…","redirect_uris":["https://…"]}]',
  secret: true,
  parse: parseStaticClients,
}

/** The PEM itself, or the path of its file. Secret stores often keep a line break as `\n`. */
function pem(
  expected: string,
  of: { isSecret: boolean; parse(text: string): unknown; problem: string },
): Kind<string> {
  const parse = (text: string) => {
    const value = text.includes('-----BEGIN ') ? text.replaceAll('\\n', '\n') : readPem(text, of.isSecret)
    try {
      of.parse(value)
    } catch {
      throw new SettingError([of.problem])
    }
    return value
  }
  return { expected, secret: of.isSecret, parse }
}

/** The path of a secret is not repeated: it may be a key that was pasted without its first line. */
function readPem(path: string, isSecret: boolean): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    throw new SettingError([
      isSecret ? 'cannot read the file.' : `cannot read the file ${JSON.stringify(path)}.`,
    ])
  }
}

function requireMatch(text: string, pattern: RegExp): string {
  if (!pattern.test(text)) throw new TypeError('malformed')
  return text
}

function parseList(value: string): string[] {
  return value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

/** The text itself. Throws unless it is an http(s) URL. */
function requireHttpUrl(value: string): string {
  if (!/^https?:$/.test(new URL(value).protocol)) throw new TypeError('not http')
  return value
}

function parseFlag(value: string): boolean {
  if (value === 'true' || value === '1') return true
  if (value === 'false' || value === '0') return false
  throw new TypeError('not a boolean')
}

function parseCount(value: string): number {
  if (!/^\d{1,9}$/.test(value)) throw new TypeError('not a whole number')
  return Number(value)
}

function rangeParser(least: number, most: number): (value: string) => number {
  return (value) => {
    const number = parseCount(value)
    if (number < least || number > most) throw new RangeError('out of range')
    return number
  }
}
