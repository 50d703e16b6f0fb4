import { test } from 'tap'
import type { SentrySandbox } from '../sandbox/sentry/server.ts'
import { startAiProvider } from '../support/ai-provider.ts'
import { registerClient } from '../support/client.ts'
import { postMcp } from '../support/mcp.ts'
import { callOf, readText, startMcp } from '../support/mcp-service.ts'
import { startService, useEmbeddedStore, useRedisStore } from '../support/service.ts'

const ORGANIZATION = 'tidewater-books'
const KIBI = 1024

/** Arguments beyond a limit, each with the words of the refusal. */
const TOO_LARGE: [tool: string, args: object, reason: RegExp][] = [
  ['search_sentry_tools', { query: 'ab '.repeat(3 * KIBI) }, /argument query has 9216 characters/],
  ['search_issue_events', { issueUrl: `https://${'a'.repeat(9 * KIBI)}` }, /argument issueUrl has/],
  ['find_projects', { organizationSlug: 'a'.repeat(8 * KIBI + 1) }, /argument organizationSlug has 8193/],
  ['add_issue_note', { issueId: 'STOREFRONT-1', text: 'a'.repeat(64 * KIBI + 1) }, /argument text has 65537/],
  [
    'search_events',
    { organizationSlug: ORGANIZATION, fields: Array(201).fill('id') },
    /fields has 201 entries/,
  ],
  ['whoami', { a: { b: [{ c: 'a'.repeat(9 * KIBI) }] } }, /argument a\.b\.c has 9216 characters/],
  ['whoami', { a: Object.fromEntries(Array.from({ length: 201 }, (_, at) => [`n${at}`, 1])) }, /a has 201/],
  ['whoami', { [`n${'a'.repeat(9 * KIBI)}`]: 1 }, /a name of more than 8192 characters/],
  ['whoami', { deep: JSON.parse('['.repeat(40) + ']'.repeat(40)) }, /deep is nested deeper than 32/],
]

/** Without those for the release of Sentry, which is read in the background. */
const countApiRequests = ({ requests }: SentrySandbox) =>
  requests.filter(({ path }) => path !== '/api/client-config/').length

test('long strings and lists in arguments are refused by name before Sentry is asked (CWE-400)', async (t) => {
  const service = await startMcp(t, { settings: { TOOL_SURFACE: 'full', DIRECT_SEARCH: 'true' } })
  for (const [name, args, reason] of TOO_LARGE) {
    for (const [tool, given] of [
      [name, args],
      ['execute_sentry_tool', { name, arguments: args }],
      ['read_sentry_tool', { name, arguments: args }],
    ] as const) {
      const result = await service.call(tool, given)
      t.ok(result.isError, tool)
      const expected = tool === name ? reason : /has|nested/
      t.match(readText(result), expected, `${tool} ${name}`)
      t.ok(readText(result).length < 500, 'the refusal does not repeat them')
    }
  }
  t.equal(countApiRequests(service.sentry), 0)
})

test('use_sentry’s model has the same limits (CWE-400)', async (t) => {
  const args = { organizationSlug: ORGANIZATION, query: 'a'.repeat(8 * KIBI + 1) }
  const provider = await startAiProvider(t, [
    { calls: [{ name: 'find_projects', args }] },
    { says: JSON.stringify({ result: 'done' }) },
  ])
  const service = await startMcp(t, { settings: provider.settings })
  await service.call('use_sentry', { request: 'x' })
  t.ok(provider.requests[1]?.body.includes('argument query has 8193 characters'))
  t.equal(countApiRequests(service.sentry), 0)
})

test('texts of 64 KiB and lists of 200 entries are passed on', async (t) => {
  const service = await startMcp(t, { settings: { TOOL_SURFACE: 'full', DIRECT_SEARCH: 'true' } })
  const text = 'word '.repeat(12 * KIBI)
  const check = { organizationSlug: ORGANIZATION, projectSlug: 'storefront', name: 'Shop', body: text }
  const request = { ...check, url: 'https://tidewater.example/', intervalSeconds: 60, method: 'POST' }
  for (const [tool, args] of [
    ['create_uptime_monitor', request],
    ['execute_sentry_tool', { name: 'create_uptime_monitor', arguments: request }],
  ] as const) {
    const result = await service.call(tool, args)
    t.notOk(result.isError, readText(result).slice(0, 200))
  }
  for (const tool of ['search_issues', 'search_events']) {
    const before = process.cpuUsage()
    const result = await service.call(tool, { organizationSlug: ORGANIZATION, query: text })
    t.notMatch(readText(result), /the limit is/, tool)
    t.comment(`${tool}: ${process.cpuUsage(before).user / 1_000} ms`)
  }
  const fields = Array(200).fill('id')
  const listed = await service.call('search_events', { organizationSlug: ORGANIZATION, query: '', fields })
  t.notMatch(readText(listed), /entries/)
})

test('a batch has ten messages at most (MCP 2025-03-26, batching)', async (t) => {
  const service = await startMcp(t)
  const batch = (count: number) => Array.from({ length: count }, (_, id) => ({ ...callOf('whoami', {}), id }))
  t.equal((await service.post(batch(10))).status, 200)
  const before = countApiRequests(service.sentry)
  const refused = await service.post(batch(11))
  t.equal(refused.status, 400)
  t.match(await refused.json(), { error: { code: -32600, message: /10 messages; this one has 11/ } })
  t.equal(countApiRequests(service.sentry), before)
})

for (const useStore of [useEmbeddedStore, useRedisStore]) {
  test(`every tool call of a batch counts against RATE_LIMIT_MCP (CWE-770, ${useStore.name})`, async (t) => {
    const settings = { ...(await useStore(t)), RATE_LIMIT_MCP: '10' }
    const { url, sentry } = await startService(t, { settings })
    const { access_token: token } = await (await registerClient(url)).signIn()
    const post = (messages: object[]) =>
      fetch(`${url}/mcp`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
        },
        body: JSON.stringify(messages),
      })
    const calls = Array.from({ length: 6 }, (_, id) => ({ ...callOf('whoami', {}), id }))
    const pings = Array.from({ length: 6 }, (_, id) => ({ jsonrpc: '2.0', id, method: 'ping' }))
    t.equal((await post(calls)).status, 200, 'six of ten')
    t.equal((await post(pings)).status, 200, 'a batch without calls counts as one request')
    const asked = countApiRequests(sentry)
    const refused = await post(calls)
    t.equal(refused.status, 429)
    t.ok(Number(refused.headers.get('retry-after')) > 0)
    t.equal(countApiRequests(sentry), asked, 'none of a refused batch is carried out')
  })
}

test('runs of the AI provider have a limit for each user, through every tool and wrapper', async (t) => {
  const provider = await startAiProvider(t, [{ says: JSON.stringify({ result: 'done' }) }])
  const settings = { ...useEmbeddedStore(t), ...provider.settings, RATE_LIMIT_AI: '2' }
  const { url, sentry } = await startService(t, { settings })
  const client = await registerClient(url)
  const { access_token: mara } = await client.signIn()
  const call = async (token: string, name: string, args: object) => {
    const response = await postMcp(`${url}/mcp`, token, 'tools/call', { name, arguments: args })
    return response.text()
  }
  const request = { request: 'who am I?' }
  t.match(await call(mara, 'use_sentry', request), /done/)
  t.match(await call(mara, 'use_sentry', request), /done/)
  const search = { organizationSlug: ORGANIZATION, query: 'errors of today' }
  const spent = provider.requests.length
  t.match(await call(mara, 'use_sentry', request), /only so often for one user. Try again in \d+ seconds/)
  t.match(await call(mara, 'search_issues', search), /only so often/)
  const inner = { name: 'search_events', arguments: search }
  t.match(await call(mara, 'execute_sentry_tool', inner), /only so often/)
  t.equal(provider.requests.length, spent, 'the provider was not asked')
  t.match(await call(mara, 'whoami', {}), /mara@/, 'other tools go on')

  sentry.setUser({ id: '1002', name: 'Another user', email: 'else@tidewater.example' })
  const { access_token: other } = await client.signIn()
  t.match(await call(other, 'use_sentry', request), /done/, 'another user goes on')
})

test('one run of use_sentry makes twenty calls at most', async (t) => {
  const calls = Array.from({ length: 15 }, () => ({ name: 'whoami', args: {} }))
  const provider = await startAiProvider(t, [
    { calls },
    { calls },
    { says: JSON.stringify({ result: 'done' }) },
  ])
  const service = await startMcp(t, { settings: provider.settings })
  t.match(readText(await service.call('use_sentry', { request: 'x' })), 'done')
  t.equal(countApiRequests(service.sentry), 20)
  t.ok(provider.requests[2]?.body.includes('No more than 20 calls can be made.'))
})
