import { test } from 'tap'
import { isAllowedHost, isAllowedOrigin } from '../../../lib/http/origin.ts'

const PUBLIC = new URL('https://mcp.example.com')
const LOCAL = new URL('http://localhost:3000')

test('a public server accepts only its own host (DNS rebinding, CVE-2025-66414)', async (t) => {
  for (const host of ['mcp.example.com', 'mcp.example.com:443', 'MCP.example.com'])
    t.equal(isAllowedHost(host, PUBLIC), true, host)
  for (const host of [
    ...['', 'evil.example', 'mcp.example.com.evil.example', 'evil-mcp.example.com', 'mcp.example.com:8443'],
    ...[
      'localhost',
      '127.0.0.1',
      '[::1]',
      'mcp.example.com@evil.example',
      'mcp.example.com/x',
      'mcp.example.com.',
    ],
  ])
    t.equal(isAllowedHost(host, PUBLIC), false, host)
})

test('a server on loopback accepts every loopback host, and no other', async (t) => {
  for (const host of ['localhost:3000', '127.0.0.1:3000', '[::1]:3000', 'localhost'])
    t.equal(isAllowedHost(host, LOCAL), true, host)
  for (const host of [
    'evil.example:3000',
    'localhost.evil.example:3000',
    '127.0.0.1.evil.example',
    '10.0.0.1:3000',
  ])
    t.equal(isAllowedHost(host, LOCAL), false, host)
})

test('its own origin is allowed, and for a server on loopback every loopback origin', async (t) => {
  t.equal(isAllowedOrigin('https://mcp.example.com', PUBLIC), true)
  for (const origin of [
    'null',
    '',
    'http://mcp.example.com',
    'https://evil.example',
    'http://localhost:6274',
  ])
    t.equal(isAllowedOrigin(origin, PUBLIC), false, origin)
  t.equal(isAllowedOrigin('http://localhost:6274', LOCAL), true)
  t.equal(isAllowedOrigin('https://evil.example', LOCAL), false)
})
