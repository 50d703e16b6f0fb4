import { test } from 'tap'
import { isPublicAddress } from '../../../lib/pages/client-setup.ts'

test('an address that only a private network has is not public (RFC 1918, 6761, 6762, 8375)', async (t) => {
  for (const url of [
    'https://mcp.example.com/mcp',
    'https://a.b.example.co.uk',
    'https://8.8.8.8/mcp',
    'https://[2606:4700::1]/',
  ])
    t.ok(isPublicAddress(url), url)
  for (const url of [
    ...[
      'http://mcp.example.com/mcp',
      'http://localhost:3000/mcp',
      'https://localhost/mcp',
      'https://mcp.localhost/',
    ],
    ...[
      'https://mcp/mcp',
      'https://sentry.local',
      'https://mcp.corp.internal',
      'https://mcp.home.arpa',
      'https://x.lan',
    ],
    ...[
      'https://10.1.2.3',
      'https://192.168.1.1/mcp',
      'https://127.0.0.1',
      'https://[::1]/',
      'https://[fd00::1]/',
    ],
  ])
    t.notOk(isPublicAddress(url), url)
})
