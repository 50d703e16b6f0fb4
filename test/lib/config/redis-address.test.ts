import { test } from 'tap'
import { describeRedisAddress, formatHost, parseRedisAddress } from '../../../lib/config/redis-address.ts'

const PLAIN = { username: undefined, password: undefined, database: 0, isSecure: false }

test('one server, with or without TLS, user, password and database', async (t) => {
  const single = { ...PLAIN, shape: 'single' }
  const cases: Record<string, object> = {
    'redis://localhost': { ...single, hosts: [{ host: 'localhost', port: 6379 }] },
    'redis://my_redis:6380/': { ...single, hosts: [{ host: 'my_redis', port: 6380 }] },
    'REDISS://h:1/15': { ...single, isSecure: true, database: 15, hosts: [{ host: 'h', port: 1 }] },
    'redis://[fd00::1]:7000/0': { ...single, hosts: [{ host: 'fd00::1', port: 7000 }] },
    'redis://:word@h': { ...single, password: 'word', hosts: [{ host: 'h', port: 6379 }] },
    'redis://us%2Fer:p%40%3A%25:x@h': {
      ...single,
      username: 'us/er',
      password: 'p@:%:x',
      hosts: [{ host: 'h', port: 6379 }],
    },
    'redis://user:a%40b,c@h': {
      ...single,
      username: 'user',
      password: 'a@b,c',
      hosts: [{ host: 'h', port: 6379 }],
    },
  }
  for (const [url, expected] of Object.entries(cases)) t.strictSame(parseRedisAddress(url), expected, url)
})

test('Sentinel: the sentinels, the name of the primary, and a database', async (t) => {
  t.strictSame(parseRedisAddress('redis+sentinel://user:word@s1,s2:26380,[::1]/mymaster/3'), {
    shape: 'sentinel',
    username: 'user',
    password: 'word',
    isSecure: false,
    primary: 'mymaster',
    database: 3,
    hosts: [
      { host: 's1', port: 26_379 },
      { host: 's2', port: 26_380 },
      { host: '::1', port: 26_379 },
    ],
  })
  t.match(parseRedisAddress('rediss+sentinel://s1/my%20master/'), {
    isSecure: true,
    primary: 'my master',
    database: 0,
  })
})

test('Cluster: some of its nodes', async (t) => {
  const hosts = [
    { host: 'h1', port: 7000 },
    { host: 'h2', port: 6379 },
  ]
  t.strictSame(parseRedisAddress('redis+cluster://h1:7000,h2'), { ...PLAIN, shape: 'cluster', hosts })
  const endpoint = 'rediss+cluster://clustercfg.mcp.abc123.euw1.cache.amazonaws.com:6379/0'
  t.match(parseRedisAddress(endpoint), { shape: 'cluster', isSecure: true, hosts: { length: 1 } })
})

test('a malformed address is refused, and an incomplete one is explained', async (t) => {
  const others = [
    '',
    'localhost:6379',
    'http://h',
    'redis://',
    'redis://:word@',
    'redis:/h',
    'redis://h:99999',
  ]
  const parts = ['redis://h/x', 'redis://h/0/1', 'redis://h?db=1', 'redis://h#x', 'redis://h:', 'redis://a b']
  const lists = [
    'redis+sentinel://s1,/name',
    'redis+cluster://',
    'redis+other://h',
    'redis+sentinel://s/name/x',
  ]
  for (const url of [...others, ...parts, ...lists, 'redis://u:%zz@h'])
    t.throws(() => parseRedisAddress(url), url)

  const close: Record<string, RegExp> = {
    'redis+sentinel://s1:26379,s2:26379': /name of the primary/,
    'redis+sentinel://s1/name/0/more': /name of the primary/,
    'redis+cluster://h1,h2/2': /only one database/,
    'redis://:p@ss/w#rd@h': /percent-encoded: @ as %40, \/ as %2F/,
    'redis://user:who?me@h': /percent-encoded/,
    'redis://user:100%@h': /percent-encoded/,
    'redis+sentinel://:a@b@s1,s2/name': /percent-encoded/,
    'redis://h1:6379,h2:6379': /redis\+sentinel:\/\/ or redis\+cluster:\/\//,
  }
  for (const [url, problem] of Object.entries(close)) {
    t.throws(() => parseRedisAddress(url), { name: 'SettingError', message: problem }, url)
    t.throws(() => parseRedisAddress(url), { message: /^((?!p@ss|who|100).)*$/ }, 'without the password')
  }
})

test('an address is described without user and password', async (t) => {
  const describe = (url: string) => describeRedisAddress(parseRedisAddress(url))
  t.equal(describe('rediss://user:word@[::1]/2'), '[::1]:6379')
  t.equal(describe('redis+sentinel://user:word@s1,s2/name'), 'name (sentinels s1:26379, s2:26379)')
  t.equal(describe('redis+cluster://user:word@h1,h2'), 'h1:6379, h2:6379 (cluster)')
  t.equal(formatHost({ host: 'h', port: 1 }), 'h:1')
})
