import { test } from 'tap'
import { walk } from '../sandbox/walk/walk.ts'
import { startService, useEmbeddedStore } from '../support/service.ts'

test('the service works below a path of BASE_URL (RFC 8414 §3.1, RFC 9728 §3.1)', async (t) => {
  const { url } = await startService(t, {
    basePath: '/tools/sentry',
    settings: { ...useEmbeddedStore(t), DIRECT_SEARCH: 'true' },
  })
  const { origin } = new URL(url)
  const steps: string[] = []
  await walk(`${url}/mcp`, { onStep: (step) => steps.push(step) })
  t.ok(steps.length > 10, 'a client walks the whole way')

  const document = await fetch(`${origin}/.well-known/oauth-authorization-server/tools/sentry`)
  t.match(await document.json(), { issuer: url, token_endpoint: `${url}/oauth/token` })
  const appended = await fetch(`${url}/.well-known/openid-configuration`)
  t.match(await appended.json(), { issuer: url })
  for (const place of ['oauth-authorization-server', 'openid-configuration']) {
    t.equal((await fetch(`${origin}/.well-known/${place}/tools/sentry/`)).status, 200, place)
    t.equal((await fetch(`${origin}/.well-known/${place}`)).status, 404, 'another issuer (RFC 8414 §3.3)')
    t.equal((await fetch(`${origin}/.well-known/${place}/tools/sentry/mcp`)).status, 404)
    t.equal((await fetch(`${origin}/.well-known/${place}/tools`)).status, 404)
  }
  const resource = await fetch(`${origin}/.well-known/oauth-protected-resource/tools/sentry/mcp/acme`)
  t.match(await resource.json(), { resource: `${url}/mcp/acme`, authorization_servers: [url] })
  t.equal((await fetch(`${url}/health`)).status, 200)
  t.equal(
    (await fetch(`${origin}/mcp`, { method: 'POST' })).status,
    401,
    'also where a proxy took the path off',
  )
})
