import { test } from 'tap'
import { createBasePathRemover } from '../../../lib/http/server-options.ts'

test('the path of BASE_URL is removed, before and after well-known names (RFC 8414 §3.1, RFC 9728 §3.1)', async (t) => {
  const remove = createBasePathRemover('https://host.example/tools/sentry')
  const cases = [
    ['/tools/sentry/mcp', '/mcp'],
    ['/tools/sentry/mcp?x=1', '/mcp?x=1'],
    ['/tools/sentry', '/'],
    ['/tools/sentry/', '/'],
    ['/tools/sentry?x=1', '/?x=1'],
    ['/.well-known/oauth-authorization-server/tools/sentry', '/.well-known/oauth-authorization-server'],
    [
      '/.well-known/oauth-protected-resource/tools/sentry/mcp/acme',
      '/.well-known/oauth-protected-resource/mcp/acme',
    ],
    ['/tools/sentry/.well-known/openid-configuration', '/.well-known/openid-configuration'],
    ['/mcp', '/mcp'],
    ['/tools/sentryx/mcp', '/tools/sentryx/mcp'],
    ['/tools', '/tools'],
  ]
  for (const [url = '', expected] of cases) t.equal(remove(url), expected, url)
})

test('without a base path URLs are unchanged', async (t) => {
  t.equal(createBasePathRemover('https://host.example')('/mcp/acme?x=1'), '/mcp/acme?x=1')
})
