import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { type Test, test } from 'tap'
import { startAiProvider } from '../../../support/ai-provider.ts'
import { readText, startMcp } from '../../../support/mcp-service.ts'

const TEAM = { organizationSlug: 'tidewater-books', name: 'Data' }
/** The AI SDK waits before it tries again, for longer than a response that may become a stream. */
const PATIENT = { headers: { accept: 'application/json' } }

const LOOK_FIRST = /look in Sentry (first|before)/i
const RESOLVE = {
  calls: [
    {
      name: 'update_issue',
      args: { organizationSlug: 'tidewater-books', issueId: 'STOREFRONT-1', status: 'resolved' },
    },
  ],
}

test('a write that Sentry may have carried out says so, and to look first', async (t) => {
  const cases: [
    fault: Parameters<Awaited<ReturnType<typeof startMcp>>['sentry']['fail']>[1],
    words: RegExp,
  ][] = [
    [{ kind: 'status', status: 201, body: { unknown: 'shape' } }, /Sentry accepted the change \(HTTP 201\)/],
    [{ kind: 'reset' }, /could not be reached.*may have carried out/s],
    [{ kind: 'hang', ms: 2_000 }, /did not answer within.*may have carried out/s],
    [{ kind: 'status', status: 502 }, /HTTP 502.*may have carried out/s],
  ]
  const service = await startMcp(t, { timeouts: { sentryMs: 500, otherMs: 500 } })
  for (const [fault, words] of cases) {
    const heal = service.sentry.fail('POST /api/0/organizations/tidewater-books/teams/', fault)
    const result = await service.call('create_team', TEAM)
    heal()
    t.equal(result.isError, true)
    t.match(readText(result), words)
    t.match(readText(result), LOOK_FIRST)
    t.notMatch(readText(result), /Try again in a moment/)
  }
  const heal = service.sentry.fail('POST /api/0/organizations/tidewater-books/teams/', {
    kind: 'status',
    status: 400,
    body: { detail: 'No' },
  })
  t.notMatch(readText(await service.call('create_team', TEAM)), LOOK_FIRST, 'what was refused was not done')
  heal()
})

test('use_sentry that wrote and then failed lists its calls and which of them changed Sentry', async (t) => {
  const ends = [{ fails: 429 }, { fails: 400, body: 'garbage' }, { says: '' }]
  for (const end of ends) {
    const provider = await startAiProvider(t, [RESOLVE, end])
    const service = await startMcp(t, { settings: provider.settings })
    const result = await service.call('use_sentry', { request: 'resolve STOREFRONT-1' }, PATIENT)
    t.equal(result.isError, true, JSON.stringify(end))
    t.match(readText(result), /AI provider.*update_issue\(.*changed Sentry.*Do not repeat/s)
    t.notMatch(readText(result), /rephras|Correct it/)
  }
  const endless = await startAiProvider(t, [{ calls: [{ name: 'whoami', args: {} }] }])
  const service = await startMcp(t, { settings: endless.settings })
  const result = await service.call('use_sentry', { request: 'loop' })
  t.match(readText(result), /whoami\(\{\}\).*None of these calls changed anything/s)
})

test('a plain-text last message of the model is the result', async (t) => {
  const provider = await startAiProvider(t, [RESOLVE, { says: 'Done.' }])
  const service = await startMcp(t, { settings: provider.settings })
  const result = await service.call('use_sentry', { request: 'resolve it', trace: true })
  t.notOk(result.isError)
  t.match(readText(result), /^Done\.\n\n## Tool calls\n\n- `update_issue\(.*\)`: changed Sentry$/)
})

test('one use_sentry makes at most 20 calls', async (t) => {
  const calls = Array.from({ length: 40 }, () => ({ name: 'whoami', args: {} }))
  const provider = await startAiProvider(t, [{ calls }, { says: 'Done.' }])
  const service = await startMcp(t, { settings: provider.settings })
  const before = service.sentry.requests.length
  await service.call('use_sentry', { request: 'loop' })
  t.equal(service.sentry.requests.length - before, 20)
})

test('one dropped connection to the AI provider is tried again', async (t) => {
  const { settings, count } = await startDroppingProvider(t)
  const service = await startMcp(t, { settings })
  const result = await service.call('use_sentry', { request: 'who am I?' })
  t.equal(readText(result), 'It is you.')
  t.equal(count(), 2)
})

test('an error shows long names of code, and no secret; the log shows neither', async (t) => {
  const service = await startMcp(t, { settings: { DIRECT_SEARCH: 'true' } })
  const name = 'com.example.MyApplication.CheckoutActivity.onCreateOptionsMenu'
  const body = { detail: `"${name}" is not valid for Bearer sntryu_${'a1'.repeat(32)}` }
  t.teardown(
    service.sentry.fail('/api/0/organizations/tidewater-books/issues/', {
      kind: 'status',
      status: 400,
      body,
    }),
  )
  const result = await service.call('search_issues', {
    organizationSlug: 'tidewater-books',
    query: `${name}:1`,
  })
  t.match(readText(result), `"${name}" is not valid`)
  t.notMatch(readText(result), /sntryu_/)
  t.notMatch(service.log.filter((line) => line.includes('"tool call"')).join(''), name)
})

test('a tool inside another refuses with the reason that it has outside (skills)', async (t) => {
  const service = await startMcp(t)
  service.addCaller('triage', { skills: new Set(['triage']) })
  const resource = { organizationSlug: 'tidewater-books', resourceType: 'trace', resourceId: 'a'.repeat(32) }
  const inside = readText(await service.call('get_sentry_resource', resource, { caller: 'triage' }))
  const trace = { organizationSlug: 'tidewater-books', traceId: 'a'.repeat(32) }
  t.equal(inside, readText(await service.call('get_trace_details', trace, { caller: 'triage' })))
  t.match(inside, /get_trace_details needs the skill inspect/)
})

test('410 and 501 do not ask for another try', async (t) => {
  const service = await startMcp(t)
  for (const status of [410, 501]) {
    const heal = service.sentry.fail('/api/0/organizations/', {
      kind: 'status',
      status,
      body: { detail: 'Gone' },
    })
    const result = readText(await service.call('find_organizations'))
    heal()
    t.match(result, new RegExp(`HTTP ${status}.*will not help`, 's'))
    t.notMatch(result, /Change the arguments|in a moment/)
  }
})

/** A provider that closes its first connection without a response. */
async function startDroppingProvider(t: Test) {
  let requests = 0
  const server = createServer(async (request, response) => {
    requests += 1
    await text(request)
    if (requests === 1) return request.socket.destroy()
    const content = [{ type: 'output_text', text: 'It is you.', annotations: [] }]
    const message = { type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content }
    response.setHeader('content-type', 'application/json')
    return response.end(
      JSON.stringify({
        id: 'resp_1',
        object: 'response',
        created_at: 1,
        status: 'completed',
        model: 'test-model',
        output: [message],
        usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 },
      }),
    )
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const settings = { OPENAI_API_KEY: 'key', OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1` }
  return { settings, count: () => requests }
}
