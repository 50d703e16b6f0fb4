import { test } from 'tap'
import { createOriginPolicy, isAllowedHost } from '../../../lib/http/origin.ts'

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
  const isAllowedByPublic = createOriginPolicy({ BASE_URL: PUBLIC.href, ALLOWED_ORIGINS: [] })
  const isAllowedByLocal = createOriginPolicy({ BASE_URL: LOCAL.href, ALLOWED_ORIGINS: [] })
  t.equal(isAllowedByPublic('https://mcp.example.com'), true)
  for (const origin of [
    'null',
    '',
    '*',
    'http://mcp.example.com',
    'https://evil.example',
    'http://localhost:6274',
  ])
    t.equal(isAllowedByPublic(origin), false, origin)
  t.equal(isAllowedByLocal('http://localhost:6274'), true)
  t.equal(isAllowedByLocal('https://evil.example'), false)
})

test('an origin of ALLOWED_ORIGINS is allowed as it is, and no other (RFC 6454 §4)', async (t) => {
  const ALLOWED_ORIGINS = ['https://app.example.com', 'http://localhost:5173']
  const isAllowed = createOriginPolicy({ BASE_URL: PUBLIC.href, ALLOWED_ORIGINS })
  for (const origin of [...ALLOWED_ORIGINS, PUBLIC.origin]) t.equal(isAllowed(origin), true, origin)
  for (const origin of [
    ...['http://app.example.com', 'https://app.example.com:8443', 'https://app.example.com.evil.example'],
    ...['https://evil-app.example.com', 'https://x.app.example.com', 'https://app.example.com.', 'null'],
    ...['http://localhost:5174', 'http://127.0.0.1:5173', 'https://localhost:5173'],
  ])
    t.equal(isAllowed(origin), false, origin)
})
