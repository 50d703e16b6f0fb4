import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import tap, { type Test, test } from 'tap'
import { readText, startMcp } from '../../../support/mcp-service.ts'

const service = await startMcp(tap, { settings: { DIRECT_SEARCH: 'true' } })
const { sentry } = service
const ORGANIZATION = 'tidewater-books'

/** Calls a tool directly and through the one that executes others. */
async function callBoth(
  { call }: Pick<typeof service, 'call'>,
  name: string,
  args: object,
  caller = 'mara',
): Promise<string[]> {
  const results = [
    await call(name, args, { caller }),
    await call('execute_sentry_tool', { name, arguments: args }, { caller }),
    await call('execute_sentry_tool', { name, arguments: JSON.stringify(args) }, { caller }),
  ]
  return results.map((result) => `${result.isError === true ? 'failed' : 'ok'}: ${readText(result)}`)
}

/** An address on loopback. */
async function startHost(t: Test, listener: RequestListener = () => undefined): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('the address of an AI provider that does not answer is in no result', async (t) => {
  const host = await startHost(t)
  const settings = { OPENAI_API_KEY: 'key', OPENAI_BASE_URL: `http://${host}/v1` }
  const away = await startMcp(t, { sentry, settings, timeouts: { sentryMs: 20_000, otherMs: 200 } })
  for (const [name, args] of [
    ['search_issues', { organizationSlug: ORGANIZATION, query: 'errors that matter to me' }],
    ['use_sentry', { request: 'what is new?' }],
  ] as const) {
    const text = readText(await away.call(name, args))
    t.notMatch(text, host, name)
  }
})

test('a redirected change names the path, which a renamed project has', async (t) => {
  const path = `/api/0/projects/${ORGANIZATION}/bookshop/`
  const host = await startHost(t, (_request, response) => response.writeHead(307, { location: path }).end())
  const renamed = await startMcp(t, { settings: { SENTRY_HOST: host } })
  const args = { organizationSlug: ORGANIZATION, projectSlug: 'storefront', name: 'Shop' }
  for (const text of await callBoth(renamed, 'update_project', args)) {
    t.match(
      text,
      /^failed: Sentry redirects this change to \/api\/0\/projects\/tidewater-books\/bookshop\/:.*renamed/,
    )
  }
})

test('neither other arguments nor another try is the advice where neither helps: 410 and 501', async (t) => {
  for (const [status, words] of [
    [410, /HTTP 410.*will not help/s],
    [501, /HTTP 501.*will not help/s],
  ] as const) {
    const heal = sentry.fail('/api/0/organizations/', {
      kind: 'status',
      status,
      body: { detail: 'It is off.' },
    })
    for (const text of await callBoth(service, 'find_organizations', {})) {
      t.match(text, words)
      t.match(text, /It is off/)
      t.notMatch(text, /Change the arguments|Try again/)
    }
    heal()
  }
})

test('a user’s wrong slug is logged as a warning', async (t) => {
  const calls: [name: string, args: object][] = [
    ['update_project', { projectSlug: 'no-such-project', name: 'x' }],
    ['update_project', { projectSlug: 'storefront', slug: 'tide-gauge' }],
    ['find_dsns', { projectSlug: 'no-such-project' }],
    ['get_issue_details', { issueId: 'NOPE-1' }],
    ['update_issue', { issueId: 'NOPE-1', status: 'resolved' }],
    ['add_team_to_project', { projectSlug: 'no-such-project', teamSlug: 'no-such-team' }],
  ]
  // mcp-core's log is that of the service which started last.
  const latest = await startMcp(t, { sentry })
  for (const [name, args] of calls) await callBoth(latest, name, { organizationSlug: ORGANIZATION, ...args })
  const levels = latest.log.map((line): number => JSON.parse(line).level)
  t.ok(levels.includes(40), 'mcp-core reports them')
  t.notOk(levels.some((level) => level >= 50))
})

test('a region that mcp-core does not know is the operator’s affair, unless an argument names it', async (t) => {
  const cloud = await startMcp(t, { settings: { SENTRY_HOST: 'sentry.io', SENTRY_PROTOCOL: 'https' } })
  const region = { regionUrl: 'https://us2.sentry.io' }
  cloud.addCaller('limited', { constraints: { organizationSlug: 'acme', ...region } })
  for (const args of [{}, { regionUrl: 'https://us.sentry.io' }]) {
    for (const text of await callBoth(cloud, 'find_projects', args, 'limited')) {
      t.match(text, /^failed: The organization is in a region of Sentry that this server does not know/)
      t.notMatch(text, /Correct it|us2|Allowed domains/)
    }
  }
  for (const text of await callBoth(cloud, 'find_projects', { organizationSlug: 'acme', ...region })) {
    t.match(text, /^failed: The input cannot be used: Invalid regionUrl: .*us2.*Correct it/s)
  }
})
