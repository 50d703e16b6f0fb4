import type { FastifyInstance } from 'fastify'
import { test } from 'tap'
import { isSafeRedirectUri } from '../../../lib/model/redirect-uri.ts'
import { createRedirectUriPolicy } from '../../../lib/model/redirect-uri-pattern.ts'
import { BYPASSES, CLIENTS } from '../../lib/model/redirect-uri-corpus.ts'
import { startService, useEmbeddedStore } from '../../support/service.ts'

/** What an operator may well allow. */
const PATTERNS = [
  'http://localhost:*',
  'http://127.0.0.1:*',
  'https://claude.ai/api/mcp/auth_callback',
  'https://good.example.com/cb/*',
  'https://*.apps.example.com/oauth/callback',
  'cursor://anysphere.cursor-mcp/oauth/callback',
]

/** What each pattern allows. */
const ALLOWED = [
  'http://localhost:1234/callback',
  'http://127.0.0.1:1234/callback',
  'https://claude.ai/api/mcp/auth_callback',
  'https://good.example.com/cb/one/two',
  'https://a.apps.example.com/oauth/callback',
  'cursor://anysphere.cursor-mcp/oauth/callback',
]

/** Good spellings of places that are not on the list, however near they come. */
const STRANGERS = [
  ...[
    'https://evil.example/',
    'https://evil.example/api/mcp/auth_callback',
    'https://claude.ai.evil.example/',
  ],
  ...['https://evilclaude.ai/api/mcp/auth_callback', 'https://evil-claude.ai/api/mcp/auth_callback'],
  ...['https://sub.claude.ai/api/mcp/auth_callback', 'https://claude.ai:8443/api/mcp/auth_callback'],
  ...['https://claude.ai/', 'https://claude.ai', 'https://claude.ai/api/mcp/auth_callback/'],
  ...['https://claude.ai/api/mcp/auth_callback/more', 'https://claude.ai/api/mcp/auth_callbackevil'],
  ...['https://claude.ai/api/mcp/auth_callback?next=https://evil.example', 'https://claude.ai/api/mcp'],
  ...['https://claude.ai/API/mcp/auth_callback', 'https://claude.ai//api/mcp/auth_callback'],
  ...['https://claude.ai/api/mcp/auth_callback;x', 'https://claude.ai/redirect?to=/api/mcp/auth_callback'],
  ...['https://evil.example/?https://claude.ai/api/mcp/auth_callback', 'https://evil.example/claude.ai/'],
  ...['https://xn--clude-gra.ai/api/mcp/auth_callback', 'https://claude.xn--i-7iq/api/mcp/auth_callback'],
  ...['https://claude-ai/api/mcp/auth_callback', 'https://claude.ai.com/api/mcp/auth_callback'],
  ...['https://good.example.com/cb', 'https://good.example.com/cbevil', 'https://good.example.com/cb-evil/x'],
  ...['https://good.example.com/', 'https://good.example.com/other/cb/', 'https://good.example.com//cb/x'],
  ...['https://good.example.com/cb/x?y', 'https://good.example.com:8443/cb/x', 'https://example.com/cb/x'],
  ...['https://a.good.example.com/cb/x', 'https://good.example.com.evil.example/cb/x'],
  ...['https://goodxexample.com/cb/x', 'https://good-example.com/cb/x', 'https://good.example/cb/x'],
  ...['https://apps.example.com/oauth/callback', 'https://evilapps.example.com/oauth/callback'],
  ...[
    'https://evil.example/?.apps.example.com/oauth/callback',
    'https://a.apps.example.com:444/oauth/callback',
  ],
  ...['https://evil.example/.apps.example.com/oauth/callback', 'https://a.apps.example.com/oauth/callback/x'],
  ...['https://a.apps.example.com.evil.example/oauth/callback', 'https://a.apps.example.com/'],
  ...['https://a.appsxexample.com/oauth/callback', 'https://a.apps.example.com/oauth/callback?x'],
  ...['https://localhost/callback', 'https://localhost:1234/callback', 'https://127.0.0.1/callback'],
  ...['http://127.0.0.2:1234/callback', 'http://[::1]:1234/callback', 'http://localhost:1234/callback?x=1'],
  ...['cursor://anysphere.cursor-mcp/oauth/callback/', 'cursor://anysphere.cursor-mcp/oauth/callback?x'],
  ...['cursor://anysphere.cursor-mcp/oauth', 'cursor://anysphere.cursor-mcp', 'cursor://evil/oauth/callback'],
  ...['cursor://anysphere.cursor-mcp:1/oauth/callback', 'cursor://anysphere.cursor-mcp.evil/oauth/callback'],
  ...['cursor:///anysphere.cursor-mcp/oauth/callback', 'cursor:/oauth/callback', 'cursor:oauth/callback'],
  ...['cursors://anysphere.cursor-mcp/oauth/callback', 'vscode://anysphere.cursor-mcp/oauth/callback'],
  ...[
    'cursor-evil://anysphere.cursor-mcp/oauth/callback',
    'com.cursor://anysphere.cursor-mcp/oauth/callback',
  ],
]

const bypasses = Object.values(BYPASSES).flat()

async function startApp(
  t: Parameters<typeof startService>[0],
  patterns?: string[],
): Promise<FastifyInstance> {
  const settings = { ...useEmbeddedStore(t), RATE_LIMIT_OAUTH: '0' }
  const { app } = await startService(t, {
    settings: { ...settings, ...(patterns && { ALLOWED_REDIRECT_URI_PATTERNS: patterns.join() }) },
  })
  return app
}

async function register(app: FastifyInstance, redirect_uris: string[]) {
  const { statusCode, body } = await app.inject({
    method: 'POST',
    url: '/oauth/register',
    payload: { redirect_uris },
  })
  return { status: statusCode, registered: JSON.parse(body) as { error?: string; client_id: string } }
}

async function authorize(app: FastifyInstance, client_id: string, redirect_uri: string) {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id,
    redirect_uri,
    code_challenge: 'c'.repeat(43),
    code_challenge_method: 'S256',
  })
  const { statusCode, headers, body } = await app.inject(`/oauth/authorize?${query}`)
  return { status: statusCode, location: headers.location, hasForm: body.includes('<form') }
}

test('the corpus has at least 300 bypasses', async (t) => {
  t.ok(bypasses.length >= 300, `${bypasses.length}`)
  t.ok(STRANGERS.length >= 60)
  for (const uri of STRANGERS) t.ok(isSafeRedirectUri(uri), `well spelled: ${uri}`)
})

test('the operator’s policy allows no bypass and no other URI', async (t) => {
  const isAllowed = createRedirectUriPolicy(PATTERNS)
  for (const uri of ALLOWED) t.ok(isSafeRedirectUri(uri) && isAllowed(uri), uri)
  const left = [...bypasses, ...STRANGERS].filter((uri) => isSafeRedirectUri(uri) && isAllowed(uri))
  t.same(left, [])
})

test('no bypass can be registered, even if the operator allows every URI (RFC 7591 §5)', async (t) => {
  const app = await startApp(t)
  const accepted: string[] = []
  for (const uri of bypasses) {
    const { status, registered } = await register(app, ['http://localhost:1234/callback', uri])
    if (status !== 400 || registered.error !== 'invalid_redirect_uri') accepted.push(uri)
  }
  t.same(accepted, [])
  for (const uris of Object.values(CLIENTS)) {
    const batches = Array.from({ length: Math.ceil(uris.length / 10) }, (_, n) =>
      uris.slice(n * 10, n * 10 + 10),
    )
    for (const batch of batches) t.equal((await register(app, batch)).status, 201)
  }
})

test('a URI that the operator does not allow cannot be registered', async (t) => {
  const app = await startApp(t, PATTERNS)
  const accepted: string[] = []
  for (const uri of [...bypasses, ...STRANGERS]) {
    const { status, registered } = await register(app, [uri])
    if (status !== 400 || registered.error !== 'invalid_redirect_uri') accepted.push(uri)
  }
  t.same(accepted, [])
  t.equal((await register(app, ALLOWED)).status, 201)
})

test('the authorization endpoint redirects only to registered URIs (RFC 9700 §2.1, CVE-2025-4143)', async (t) => {
  const app = await startApp(t)
  const { registered } = await register(app, ALLOWED)
  const left: string[] = []
  for (const uri of [...bypasses, ...STRANGERS]) {
    const { status, location, hasForm } = await authorize(app, registered.client_id, uri)
    if (status !== 400 || location !== undefined || hasForm) left.push(uri)
  }
  t.same(left, [])
  for (const uri of ALLOWED)
    t.match(await authorize(app, registered.client_id, uri), { status: 200, hasForm: true }, uri)
})

test('a policy narrowed later applies to registered clients too', async (t) => {
  const keys = { ENCRYPTION_KEY: 'e'.repeat(32), JWT_SIGNING_KEY: 'j'.repeat(32) }
  const before = await startService(t, { settings: { ...useEmbeddedStore(t), ...keys } })
  const { registered } = await register(before.app, ALLOWED)
  const { app } = await startService(t, {
    settings: {
      ...{ ...useEmbeddedStore(t), ...keys, BASE_URL: before.url },
      ALLOWED_REDIRECT_URI_PATTERNS: 'http://localhost:*',
    },
  })
  for (const uri of ALLOWED) {
    const { status, location, hasForm } = await authorize(app, registered.client_id, uri)
    const isOn = uri.startsWith('http://localhost:')
    t.match(
      { status, location, hasForm },
      { status: isOn ? 200 : 400, location: undefined, hasForm: isOn },
      uri,
    )
  }
})
