import { type Test, test } from 'tap'
import { registerClient } from '../support/client.ts'
import { postMcp } from '../support/mcp.ts'
import { startService } from '../support/service.ts'

const ORGANIZATION = 'tidewater-books'
const PROJECT = 'storefront'

interface ListedTool {
  name: string
  inputSchema: { properties?: Record<string, unknown> }
}

async function signInTo(t: Test, path: string) {
  const service = await startService(t)
  const client = await registerClient(service.url)
  const { access_token: token } = await client.signIn({ resource: `${service.url}${path}` })
  return { ...service, client, token }
}

async function listTools(url: string, token: string): Promise<ListedTool[]> {
  const response = await postMcp(url, token, 'tools/list')
  const { result } = (await response.json()) as { result: { tools: ListedTool[] } }
  return result.tools
}

async function callTool(url: string, token: string, name: string, args: object) {
  const response = await postMcp(url, token, 'tools/call', { name, arguments: args })
  return { status: response.status, text: await response.text() }
}

test('the resource of an organization removes that argument from every tool', async (t) => {
  const { url, token } = await signInTo(t, `/mcp/${ORGANIZATION}`)
  const tools = await listTools(`${url}/mcp/${ORGANIZATION}`, token)
  t.ok(tools.length > 10)
  for (const { name, inputSchema } of tools) {
    t.notOk(inputSchema.properties?.organizationSlug, `${name} takes no organization`)
    t.notOk(inputSchema.properties?.regionUrl, `${name} takes no region`)
  }
  t.notOk(
    tools.some(({ name }) => name === 'find_organizations'),
    'there is nothing left to find',
  )
  const found = await callTool(`${url}/mcp/${ORGANIZATION}`, token, 'find_projects', {})
  t.match(found.text, PROJECT)
})

test('no argument leaves the constraint, nor does execute_sentry_tool', async (t) => {
  const { url, token, sentry } = await signInTo(t, `/mcp/${ORGANIZATION}`)
  const resource = `${url}/mcp/${ORGANIZATION}`
  const before = sentry.requests.length
  await callTool(resource, token, 'find_projects', { organizationSlug: 'lantern-labs' })
  await callTool(resource, token, 'find_teams', {
    organizationSlug: 'lantern-labs',
    regionUrl: 'https://us.sentry.io',
  })
  await callTool(resource, token, 'execute_sentry_tool', {
    name: 'find_projects',
    arguments: { organizationSlug: 'lantern-labs' },
  })
  await callTool(resource, token, 'get_sentry_resource', {
    url: `${sentry.url}/organizations/lantern-labs/issues/1/`,
  })
  await callTool(resource, token, 'get_issue_details', {
    issueUrl: `${sentry.url}/organizations/lantern-labs/issues/1/`,
  })
  const asked = sentry.requests.slice(before).map(({ path }) => path)
  t.ok(asked.length > 0, 'Sentry was asked at all')
  t.notOk(
    asked.some((path) => path.includes('lantern-labs')),
    'and never about the other organization',
  )
})

test('a resource that the user cannot see gets 403, which keeps the sign-in', async (t) => {
  const { url, client } = await signInTo(t, '/mcp')
  for (const path of ['/mcp/no-such-organization', `/mcp/${ORGANIZATION}/no-such-project`]) {
    const { access_token } = await client.signIn({ resource: `${url}${path}` })
    const response = await postMcp(`${url}${path}`, access_token, 'tools/list')
    t.equal(response.status, 403, path)
    t.equal(response.headers.get('www-authenticate'), null, 'signing in again would not help')
  }
})

test('the resource of a project disables tools for data that the project does not send', async (t) => {
  const { url, token } = await signInTo(t, `/mcp/${ORGANIZATION}/${PROJECT}`)
  const tools = await listTools(`${url}/mcp/${ORGANIZATION}/${PROJECT}`, token)
  const names = tools.map(({ name }) => name)
  t.notOk(names.includes('find_projects'))
  t.notOk(names.includes('create_project'))
  t.notOk(tools.some(({ inputSchema }) => inputSchema.properties?.projectSlug))
})

test('a malformed slug is not a resource, and causes no request (getsentry/sentry-mcp#1218)', async (t) => {
  const { url, token, sentry } = await signInTo(t, '/mcp')
  const before = sentry.requests.length
  for (const path of ['/mcp/..%2f..', '/mcp/%2e%2e/x', '/mcp/a%20b', '/mcp/a/b%2fc', '/mcp/-a']) {
    t.equal((await postMcp(`${url}${path}`, token, 'tools/list')).status, 404, path)
    t.equal((await fetch(`${url}/.well-known/oauth-protected-resource${path}`)).status, 404, path)
  }
  t.equal(sentry.requests.length, before)
})

test('the look-up of a constraint is cached', async (t) => {
  const { url, token, sentry } = await signInTo(t, `/mcp/${ORGANIZATION}`)
  await listTools(`${url}/mcp/${ORGANIZATION}`, token)
  const before = sentry.requests.length
  await listTools(`${url}/mcp/${ORGANIZATION}`, token)
  t.equal(sentry.requests.length, before)
})

test('an outage of Sentry during the look-up of a constraint gets 503', async (t) => {
  const { url, token, sentry } = await signInTo(t, `/mcp/${ORGANIZATION}`)
  sentry.fail('GET /api/0/organizations/', { kind: 'status', status: 502 })
  const response = await postMcp(`${url}/mcp/${ORGANIZATION}`, token, 'tools/list')
  t.equal(response.status, 503)
  t.ok(Number(response.headers.get('retry-after')) > 0)
})

for (const code of ['sso-required', '2fa-required', 'member-disabled-over-limit'] as const) {
  test(`an organization that demands ${code} gets 403 with the demand, and renews nothing (getsentry/sentry#6044)`, async (t) => {
    const { url, token, sentry } = await signInTo(t, `/mcp/${ORGANIZATION}`)
    const heal = sentry.fail('/api/0/organizations/', { kind: 'required-action', code })
    const before = sentry.requests.length
    for (let count = 0; count < 3; count += 1) {
      const response = await postMcp(`${url}/mcp/${ORGANIZATION}`, token, 'tools/list')
      t.equal(response.status, 403)
      t.equal(response.headers.get('www-authenticate'), null, 'signing in again would not help')
      t.match(await response.text(), code)
    }
    t.notOk(sentry.requests.slice(before).some(({ path }) => path === '/oauth/token/'))
    heal()
    t.equal((await postMcp(`${url}/mcp/${ORGANIZATION}`, token, 'tools/list')).status, 200)
  })
}

test('a demand at the project is named too', async (t) => {
  const { url, token, sentry } = await signInTo(t, `/mcp/${ORGANIZATION}/${PROJECT}`)
  sentry.fail('/api/0/projects/', { kind: 'required-action', code: 'sso-required' })
  const response = await postMcp(`${url}/mcp/${ORGANIZATION}/${PROJECT}`, token, 'tools/list')
  t.equal(response.status, 403)
  t.match(await response.text(), 'sso-required')
})

test('a token that Sentry refuses, renewed once and refused again, gets 401 (RFC 6750 §3.1)', async (t) => {
  for (const body of [{ detail: 'Invalid token' }, { detail: { code: 5 } }, {}, null, 'text', []]) {
    const { url, token, sentry } = await signInTo(t, `/mcp/${ORGANIZATION}`)
    sentry.fail('/api/0/organizations/', { kind: 'status', status: 401, body })
    const before = sentry.requests.length
    const response = await postMcp(`${url}/mcp/${ORGANIZATION}`, token, 'tools/list')
    t.equal(response.status, 401, JSON.stringify(body))
    t.match(response.headers.get('www-authenticate'), 'error="invalid_token"')
    const renewals = sentry.requests.slice(before).filter(({ path }) => path === '/oauth/token/')
    t.equal(renewals.length, 1)
  }
})
