import { test } from 'tap'
import { registerClient, type Tokens } from '../../support/client.ts'
import { postMcp } from '../../support/mcp.ts'
import { type ServiceOptions, startService } from '../../support/service.ts'
import { startServiceWithStore } from '../../support/shared-store.ts'

const releases: [string, ServiceOptions['sentry']][] = [
  ['a current one', {}],
  ['one without PKCE', { supportsPkce: false }],
  ['one that reads credentials from the body alone', { acceptsBasicCredentials: false }],
  ['one that says bearer in lower case', { tokenType: 'bearer' }],
  ['one whose tokens never end', { accessTokenTtl: null }],
  ['one without revocation', { revokeEndpoint: false }],
  [
    'one that is old in every way',
    {
      supportsPkce: false,
      acceptsBasicCredentials: false,
      tokenType: 'bearer',
      accessTokenTtl: null,
      revokeEndpoint: false,
    },
  ],
  ['an application that is limited to one organization', { organizationId: '41001' }],
  ['one with access tokens that are about to end', { accessTokenTtl: 60 }],
]

for (const [what, sentry] of releases) {
  test(`sign-in, call, refresh and revocation work with every Sentry release: ${what}`, async (t) => {
    const { url } = await startService(t, { sentry })
    const client = await registerClient(url)
    const tokens = await client.signIn()
    t.match(await callTool(`${url}/mcp`, tokens.access_token, 'whoami'), /mara@tidewater\.example/)
    const next = (await (await client.refresh(tokens.refresh_token)).json()) as Tokens
    t.match(await callTool(`${url}/mcp`, next.access_token, 'find_organizations'), /tidewater/)
    const body = new URLSearchParams({ client_id: client.id, token: next.refresh_token })
    t.equal((await fetch(`${url}/oauth/revoke`, { method: 'POST', body })).status, 200)
    t.equal((await postMcp(`${url}/mcp`, next.access_token, 'ping')).status, 401)
  })
}

test('a Sentry application limited to one organization limits tools and grant', async (t) => {
  const { url, store } = await startServiceWithStore(t, { sentry: { organizationId: '41001' } })
  const client = await registerClient(url)
  const tokens = await client.signIn()
  const [grant] = await store.listGrants('1001')
  t.equal(grant?.organizationId, '41001')
  const organizations = await callTool(`${url}/mcp`, tokens.access_token, 'find_organizations')
  t.match(organizations, /tidewater/)
  t.notMatch(organizations, /lantern/, 'and no other')

  const inside = await client.signIn({ resource: `${url}/mcp/tidewater-books` })
  t.match(
    await callTool(`${url}/mcp/tidewater-books`, inside.access_token, 'find_projects'),
    /storefront/,
    'a resource within it works',
  )
  const outside = await client.signIn({ resource: `${url}/mcp/lantern-labs` })
  const response = await postMcp(`${url}/mcp/lantern-labs`, outside.access_token, 'tools/list')
  t.equal(response.status, 403, 'one outside does not')
  t.match(await response.text(), /you cannot see it/)
})

async function callTool(url: string, token: string, name: string): Promise<string> {
  return (await postMcp(url, token, 'tools/call', { name, arguments: {} })).text()
}
