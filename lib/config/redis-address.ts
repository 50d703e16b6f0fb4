import { SettingError } from './setting.ts'

/** The address of Redis: one server, a primary behind Sentinel, or a cluster. */
export type RedisAddress = Single | Sentinel | Cluster

interface Common {
  /** The servers that the URL names. */
  hosts: readonly RedisHost[]
  username: string | undefined
  password: string | undefined
  /** The number of the database. A cluster has only 0. */
  database: number
  /** Whether the URL says TLS. */
  isSecure: boolean
}

interface Single extends Common {
  shape: 'single'
}

interface Sentinel extends Common {
  shape: 'sentinel'
  /** The name under which the sentinels know the primary. `hosts` are the sentinels. */
  primary: string
}

interface Cluster extends Common {
  shape: 'cluster'
}

export interface RedisHost {
  /** A name, or an address without brackets. */
  host: string
  port: number
}

const FORM = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:(.*)@)?([^/?#@]+)(?:\/([^?#]*))?$/i
const HOST = /^(?:\[([\da-f:.]+)\]|([^\s:[\]]+))(?::(\d{1,5}))?$/i
const UNESCAPED =
  'the user or password has a character that a URL cannot have as it is. Write it percent-encoded: @ as %40, / as %2F, # as %23, ? as %3F, % as %25.'
const [PORT, SENTINEL_PORT] = [6379, 26_379]

/**
 * Parses a REDIS_URL:
 *
 *     redis[s]://[user:password@]host[:port][/database]
 *     redis[s]+sentinel://[user:password@]host[:port][,host[:port]…]/primary[/database]
 *     redis[s]+cluster://[user:password@]host[:port][,host[:port]…]
 *
 * User and password are those of Redis, percent-encoded (RFC 3986 §3.2.1). Throws when the text has none of these forms; a
 * `SettingError` says what is missing.
 */
export function parseRedisAddress(text: string): RedisAddress {
  const [, scheme = '', form = '', credentials = '', hosts = '', path = ''] = FORM.exec(text) ?? []
  const shape = form.toLowerCase()
  const common = {
    ...parseCredentials(credentials),
    hosts: hosts.split(',').map((host) => parseHost(host, shape === 'sentinel' ? SENTINEL_PORT : PORT)),
    isSecure: scheme.toLowerCase() === 'rediss',
  }
  const [first = '', second = '', ...more] = path.split('/')
  switch (shape) {
    case 'sentinel':
      if (first === '' || more.length > 0) {
        throw new SettingError([
          'a URL for Sentinel must end with the name of the primary: redis+sentinel://host:26379,host:26379/name or …/name/database.',
        ])
      }
      return {
        ...common,
        shape: 'sentinel',
        primary: decodeURIComponent(first),
        database: parseDatabase(second),
      }
    case 'cluster':
      if (path !== '' && path !== '0') {
        throw new SettingError([
          'a URL for a cluster must end after the hosts: a cluster has only one database.',
        ])
      }
      return { ...common, shape: 'cluster', database: 0 }
    default:
      if (common.hosts.length > 1) {
        throw new SettingError([
          'a URL with several hosts must begin with redis+sentinel:// or redis+cluster:// (rediss+… for TLS).',
        ])
      }
      if (second !== '') throw new TypeError('more than a database')
      return { ...common, shape: 'single', database: parseDatabase(first) }
  }
}

/** The address for messages, without user and password. */
export function describeRedisAddress(address: RedisAddress): string {
  const hosts = address.hosts.map(formatHost).join(', ')
  switch (address.shape) {
    case 'sentinel':
      return `${address.primary} (sentinels ${hosts})`
    case 'cluster':
      return `${hosts} (cluster)`
    case 'single':
      return hosts
  }
}

/** `host:port`, with brackets around an IPv6 address. */
export function formatHost({ host, port }: RedisHost): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}

function parseCredentials(text: string): Pick<Common, 'username' | 'password'> {
  // RFC 3986 §3.2.1; other programs that are given the same URL understand these characters otherwise, or not.
  if (/[\s/?#@[\]]/.test(text)) throw new SettingError([UNESCAPED])
  const [username = '', ...rest] = text.split(':')
  return { username: decode(username) || undefined, password: decode(rest.join(':')) || undefined }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new SettingError([UNESCAPED])
  }
}

function parseHost(text: string, defaultPort: number): RedisHost {
  const [found, address, name, port = String(defaultPort)] = HOST.exec(text) ?? []
  if (found === undefined || Number(port) > 65_535) throw new TypeError('not a host')
  return { host: address ?? name ?? '', port: Number(port) }
}

function parseDatabase(text: string): number {
  if (!/^\d{0,5}$/.test(text)) throw new TypeError('not a database')
  return Number(text)
}
