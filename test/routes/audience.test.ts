import tap, { test } from 'tap'
import { registerClient } from '../support/client.ts'
import { postMcp } from '../support/mcp.ts'
import { startService } from '../support/service.ts'

const ORGANIZATION = 'tidewater-books'
const PROJECT = 'storefront'
const PATHS = ['/mcp', `/mcp/${ORGANIZATION}`, `/mcp/${ORGANIZATION}/${PROJECT}`, '/mcp/lantern-labs']

const { url, sentry } = await startService(tap)
const client = await registerClient(url)

test('a part accepts its own audience and that of /mcp, and no other (RFC 8707 §2, RFC 9068 §4, CVE-2025-69196, getsentry/sentry-mcp#907)', async (t) => {
  for (const granted of PATHS) {
    const { access_token } = await client.signIn({ resource: `${url}${granted}` })
    for (const path of PATHS) {
      const response = await postMcp(`${url}${path}`, access_token, 'ping')
      const challenge = response.headers.get('www-authenticate')
      if (granted === path || granted === '/mcp') {
        t.not(response.status, 401, `${granted} at ${path}`)
        t.equal(challenge, null)
        continue
      }
      t.equal(response.status, 401, `${granted} at ${path}`)
      t.match(challenge, /^Bearer error="invalid_token", error_description="[^"]+"/)
      t.match(challenge, `The token is for ${url}${granted} and not for this URL`, 'why')
      t.match(challenge, `resource_metadata="${url}/.well-known/oauth-protected-resource${path}"`)
    }
  }
})

test('a client that names no resource can use every URL, within its limits (kody#948, openai/codex#24890)', async (t) => {
  const { access_token: token } = await client.signIn({ resource: undefined })
  const call = async (path: string, name: string, args: object) => {
    const response = await postMcp(`${url}${path}`, token, 'tools/call', { name, arguments: args })
    t.equal(response.status, 200, path)
    return response.text()
  }
  t.match(await call('/mcp', 'find_organizations', {}), ORGANIZATION)
  t.match(await call(`/mcp/${ORGANIZATION}`, 'find_projects', {}), PROJECT)
  const before = sentry.requests.length
  await call(`/mcp/${ORGANIZATION}`, 'find_projects', { organizationSlug: 'lantern-labs' })
  await call(`/mcp/${ORGANIZATION}/${PROJECT}`, 'get_sentry_resource', {
    url: `${sentry.url}/organizations/lantern-labs/issues/1/`,
  })
  const asked = sentry.requests.slice(before).map(({ path }) => path)
  t.notOk(asked.some((path) => path.includes('lantern-labs')))
})

test('a refreshed token keeps its audience, and a token request cannot widen or move it (RFC 8707 §2.2)', async (t) => {
  const tokens = await client.signIn({ resource: `${url}/mcp/${ORGANIZATION}` })
  for (const path of ['/mcp', '', `/mcp/${ORGANIZATION}/${PROJECT}`, '/mcp/lantern-labs']) {
    const response = await client.refresh(tokens.refresh_token, { resource: `${url}${path}` })
    t.match(await response.json(), { error: 'invalid_target' }, path)
  }
  const spelled = `${url.replace('http:', 'HTTP:')}/mcp/${ORGANIZATION}/`
  const response = await client.refresh(tokens.refresh_token, { resource: spelled })
  const { access_token } = (await response.json()) as { access_token: string }
  const claims = JSON.parse(Buffer.from(access_token.split('.')[1] ?? '', 'base64url').toString())
  t.equal(claims.aud, `${url}/mcp/${ORGANIZATION}`)
  t.equal((await postMcp(`${url}/mcp`, access_token, 'ping')).status, 401)
})

test('the origin as resource signs in for /mcp (garrytan/gbrain#5222, getsentry/sentry-mcp#837)', async (t) => {
  const spellings = [
    url,
    `${url}/`,
    url.replace('localhost', 'LOCALHOST'),
    `${url.replace('http', 'HTTP')}/mcp`,
  ]
  for (const resource of spellings) {
    const code = (await client.authorize({ resource })).searchParams.get('code') ?? ''
    const response = await client.redeem(code, { resource })
    t.equal(response.status, 200, resource)
    const { access_token } = (await response.json()) as { access_token: string }
    t.equal((await postMcp(`${url}/mcp`, access_token, 'ping')).status, 200)
  }
  const twice = `${client.createAuthorizeUrl()}&${new URLSearchParams({ resource: url })}`
  t.equal((await client.browser.open(twice)).kind, 'page', 'two spellings of one resource are one')
})
