import tap, { test } from 'tap'
import { callOf, startMcp } from '../../support/mcp-service.ts'

const service = await startMcp(tap)
const { sentry } = service

/** The log lines that a call produced. */
async function collect(work: () => Promise<unknown>): Promise<Record<string, unknown>[]> {
  service.log.length = 0
  await work()
  return service.log.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'tool call')
}

test('a call is one log line with tool, client, user, duration and outcome', async (t) => {
  const lines = await collect(() => service.call('find_teams', { organizationSlug: 'tidewater-books' }))
  t.equal(lines.length, 1)
  t.match(lines[0], {
    level: 30,
    reqId: String,
    tool: 'find_teams',
    client_name: 'Test client',
    subject_hash: 'hash of mara',
    duration_ms: Number,
    outcome: 'ok',
  })
  t.notMatch(JSON.stringify(lines), /tidewater/, 'neither arguments nor results')
})

test('the line has the outcome of a failed call', async (t) => {
  const cases = [
    [401, 'sign_in_required'],
    [403, 'sentry_403'],
    [404, 'sentry_404'],
    [418, 'sentry_4xx'],
    [429, 'sentry_429'],
    [503, 'sentry_5xx'],
  ] as const
  for (const [status, outcome] of cases) {
    const heal = sentry.fail('/api/0/auth/', { kind: 'status', status })
    t.match(await collect(() => service.call('whoami')), [{ tool: 'whoami', outcome, level: 30 }], outcome)
    heal()
  }
  const heal = sentry.fail('/api/0/auth/', { kind: 'reset' })
  t.match(await collect(() => service.call('whoami')), [{ outcome: 'unreachable' }])
  heal()
  t.match(await collect(() => service.call('find_teams', {})), [{ outcome: 'invalid_arguments' }])
})

test('calls of unknown tools and refused calls are logged too', async (t) => {
  t.match(await collect(() => service.post(callOf('\u202e made up', {}))), [
    { tool: 'unknown', outcome: 'unknown_tool', duration_ms: undefined },
  ])
  service.addCaller('reader', { scope: new Set(['org:read']) })
  const update = { organizationSlug: 'tidewater-books', issueId: 'STOREFRONT-1', status: 'resolved' }
  t.match(await collect(() => service.call('update_issue', update, { caller: 'reader' })), [
    { tool: 'update_issue', outcome: 'not_granted', subject_hash: 'hash of reader' },
  ])
  service.addCaller('inspector', { skills: new Set(['inspect']) })
  t.match(await collect(() => service.call('create_team', {}, { caller: 'inspector' })), [
    { tool: 'create_team', outcome: 'not_granted' },
  ])
})

test('a call through execute_sentry_tool is logged under its own name', async (t) => {
  const execute = (name: string) => service.call('execute_sentry_tool', { name, arguments: {} })
  t.match(await collect(() => execute('whoami')), [
    { tool: 'whoami', via: 'execute_sentry_tool', outcome: 'ok' },
  ])
  t.match(await collect(() => execute('made up')), [
    { tool: 'execute_sentry_tool', via: undefined, outcome: 'invalid_arguments' },
  ])
})

test('a call whose client disconnects is cancelled', async (t) => {
  t.teardown(sentry.fail('/api/0/auth/', { kind: 'hang', ms: 10_000 }))
  const client = new AbortController()
  const asked = sentry.requests.length
  const lines = await collect(async () => {
    const call = service.post(callOf('whoami', {}), { signal: client.signal })
    while (sentry.requests.length === asked) await new Promise(setImmediate)
    client.abort()
    await t.rejects(call)
    while (!service.log.some((line) => line.includes('tool call'))) await new Promise(setImmediate)
  })
  t.match(lines, [{ tool: 'whoami', outcome: 'cancelled' }])
})
