import { test } from 'tap'
import { loadMcpCore } from '../../../lib/mcp/core/load.ts'
import { ACTIVE_SKILLS, SKILLS } from '../../../lib/model/skills.ts'
import { selectUpstreamScope } from '../../../lib/oauth/authorize/upstream-scope.ts'
import { registerClient, type TestClient } from '../../support/client.ts'
import { postMcp } from '../../support/mcp.ts'
import { startService, useEmbeddedStore } from '../../support/service.ts'

const READ = 'org:read project:read team:read event:read'

test('the needs of each skill are the scopes that mcp-core requires for its tools', async (t) => {
  const core = await loadMcpCore()
  for (const skill of ACTIVE_SKILLS) {
    const tools = Object.values(core.tools).filter(({ skills }) => skills.includes(skill))
    const required = new Set(tools.flatMap(({ requiredScopes }) => requiredScopes))
    t.same([...SKILLS[skill].needs].sort(), [...required].sort(), skill)
  }
})

test('looking requests only scopes that read from Sentry, and issue tools work (RFC 6749 §3.3, RFC 9700 §2.3)', async (t) => {
  const { url, sentry } = await startService(t, {
    settings: { ...useEmbeddedStore(t), DEFAULT_SKILLS: 'inspect' },
  })
  const client = await registerClient(url)
  const tokens = await client.signIn()
  t.equal(readRequested(sentry.requests), READ)
  t.equal(tokens.scope, READ)
  const issue = { organizationSlug: 'tidewater-books', issueId: 'STOREFRONT-1' }
  t.match(await call(url, tokens.access_token, 'get_issue_details', issue), 'STOREFRONT-1')
  t.match(
    await call(url, tokens.access_token, 'update_issue', { ...issue, status: 'resolved' }),
    'the skill triage',
  )
})

test('READ_ONLY requests nothing that writes, and offers no skill that promises it', async (t) => {
  const { url, sentry } = await startService(t, { settings: { ...useEmbeddedStore(t), READ_ONLY: 'true' } })
  const client = await registerClient(url)
  const html = await readConsent(client)
  t.match(html, 'value="inspect"')
  t.notMatch(html, /value="(seer|triage|project-management)"/)
  await client.signIn()
  t.equal(readRequested(sentry.requests), READ)
})

test('a step-up requests the rest, and Sentry’s grant decides (MCP 2025-11-25, step-up authorization)', async (t) => {
  const { url, sentry } = await startService(t)
  const client = await registerClient(url)
  const narrow = await client.signIn({ scope: 'org:read project:write' })
  t.equal(narrow.scope, 'org:read project:read project:write')
  t.equal(readRequested(sentry.requests), narrow.scope)
  const args = { organizationSlug: 'tidewater-books', name: 'Data' }
  const params = { name: 'create_team', arguments: args }
  const refused = await postMcp(`${url}/mcp`, narrow.access_token, 'tools/call', params)
  t.equal(refused.status, 403)
  const scope = /scope="([^"]*)"/.exec(refused.headers.get('www-authenticate') ?? '')?.[1] ?? ''
  t.equal(scope, `${narrow.scope} team:write`)
  const wide = await client.signIn({ scope })
  t.equal(readRequested(sentry.requests), 'org:read project:read project:write team:read team:write')
  t.match(await call(url, wide.access_token, 'create_team', args), 'data')
})

test('a scope is requested as the operator names it, or as a narrower one that it includes', async (t) => {
  const select = (skills: string[], scopes: string[], ALLOWED_ORGANIZATIONS: string[] = []) =>
    selectUpstreamScope(
      { skills, scope: scopes },
      { SENTRY_SCOPES: scopes, READ_ONLY: false, ALLOWED_ORGANIZATIONS },
    )
  t.same(select(['inspect'], ['org:admin', 'event:admin']), ['org:read', 'event:read'])
  t.same(select(['triage'], ['event:read']), ['event:read'])
  t.same(select(['inspect', 'triage'], ['event:write']), ['event:write'])
  t.same(select([], ['event:write']), [])
  t.same(select(['triage'], ['event:read'], ['acme']), ['event:read', 'org:read'], 'who is a member')
})

function readRequested(requests: readonly { path: string; query: Record<string, unknown> }[]): unknown {
  return requests
    .filter(({ path, query }) => path === '/oauth/authorize/' && query.scope !== undefined)
    .at(-1)?.query.scope
}

async function readConsent(client: TestClient): Promise<string> {
  const arrival = await client.open()
  return arrival.kind === 'page' ? arrival.page.html : ''
}

async function call(url: string, token: string, name: string, args: object): Promise<string> {
  return (await postMcp(`${url}/mcp`, token, 'tools/call', { name, arguments: args })).text()
}
