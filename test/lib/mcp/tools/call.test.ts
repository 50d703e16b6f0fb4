import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import tap, { type Test, test } from 'tap'
import { SignInRequiredError } from '../../../../lib/upstream/access.ts'
import { fetchUpstream, TOKEN_PLACEHOLDER } from '../../../../lib/upstream/tool-fetch.ts'
import type { Fault } from '../../../sandbox/sentry/faults.ts'
import { DEFAULT_SCOPES } from '../../../sandbox/sentry/server.ts'
import {
  callOf,
  createTool,
  type McpService,
  postIn,
  readText,
  startMcp,
} from '../../../support/mcp-service.ts'

const service = await startMcp(tap, { timeouts: { sentryMs: 400, otherMs: 400 } })
const { sentry } = service
const ORGANIZATION = 'tidewater-books'

/** Without those for its release, which is read in the background. */
const listApiRequests = () => sentry.requests.filter(({ path }) => path !== '/api/client-config/')

test('a call sends only its caller’s token, and names the client to Sentry', async (t) => {
  service.addCaller('mara', { clientName: 'Клиент\r\nX-Other: 1 (beta)' })
  const before = listApiRequests().length
  t.match(await service.call('whoami'), { structuredContent: { user: { email: 'mara@tidewater.example' } } })
  const [request] = listApiRequests().slice(before)
  t.equal(request?.headers['x-sentry-mcp-client-name'], 'X-Other: 1 (beta)')
  t.notOk(request?.headers['x-other'])
  t.notOk(sentry.requests.some(({ token }) => token === 'access-token-of-this-call'))
})

test('a token that Sentry refuses is renewed once, and the request repeated (RFC 6750 §3.1)', async (t) => {
  let renewals = 0
  const caller = service.addCaller('renewing', {
    renewAccessToken: async () => {
      renewals += 1
      return sentry.issueTokens().accessToken
    },
  })
  sentry.expireToken(caller.accessToken)
  const args = { organizationSlug: ORGANIZATION, name: 'Renewed' }
  const before = listApiRequests().length
  t.match(await service.call('create_team', args, { caller: 'renewing' }), { isError: undefined })
  t.equal(renewals, 1)
  const posts = listApiRequests()
    .slice(before)
    .filter(({ method }) => method === 'POST')
  t.same(
    posts.map(({ status }) => status),
    [401, 201],
    'what was refused is sent again, nothing twice',
  )
})

test('the requests of one call share its renewal', async (t) => {
  let renewals = 0
  const caller = service.addCaller('sharing', {
    renewAccessToken: async () => {
      renewals += 1
      return sentry.issueTokens().accessToken
    },
  })
  sentry.expireToken(caller.accessToken)
  const args = { organizationSlug: ORGANIZATION, issueId: 'STOREFRONT-1' }
  t.notOk((await service.call('get_issue_details', args, { caller: 'sharing' })).isError)
  t.equal(renewals, 1)
})

test('when the sign-in has ended, the tool error asks the model to have the user authorize again', async (t) => {
  const caller = service.addCaller('ended')
  sentry.revokeToken(caller.accessToken)
  const result = await service.call('whoami', {}, { caller: 'ended' })
  t.equal(result.isError, true)
  t.match(readText(result), /sign-in at Sentry has ended.*authorize this MCP server again/s)
})

test('a tool that ignores Sentry’s refusal does not hide that the sign-in has ended', async (t) => {
  const headers = { authorization: `Bearer ${TOKEN_PLACEHOLDER}` }
  const forgiving = createTool('forgiving', async (_params, { sentryHost }) => {
    await fetchUpstream(`http://${sentryHost}/api/0/auth/`, { headers })
    return 'all is well'
  })
  const other = await startMcp(t, { sentry, tools: { forgiving }, settings: { TOOL_SURFACE: 'full' } })
  t.equal(readText(await other.call('forgiving')), 'all is well')
  other.addCaller('ended', { accessToken: 'dead' })
  t.match(readText(await other.call('forgiving', {}, { caller: 'ended' })), /sign-in at Sentry has ended/)
})

test('a renewed token that is refused too is not renewed again', async (t) => {
  let renewals = 0
  service.addCaller('refused', {
    accessToken: 'dead',
    renewAccessToken: async () => {
      renewals += 1
      return `dead ${renewals}`
    },
  })
  const result = await service.call('find_teams', { organizationSlug: ORGANIZATION }, { caller: 'refused' })
  t.equal(renewals, 1)
  t.match(readText(result), /HTTP 401.*authorize/s)
  t.notMatch(readText(result), /dead/)
})

test('a renewal that fails for now does not end the sign-in', async (t) => {
  service.addCaller('waiting', {
    accessToken: 'dead',
    renewAccessToken: () => Promise.reject(new Error('Redis at redis://secret@host is away')),
  })
  const text = readText(await service.call('whoami', {}, { caller: 'waiting' }))
  t.match(text, /could not be renewed just now.*Try again/)
  t.notMatch(text, /Redis|authorize/)
})

test('a 401 that requires an action of the user renews nothing (sso-required)', async (t) => {
  let renewals = 0
  service.addCaller('sso', {
    renewAccessToken: async () => {
      renewals += 1
      throw new SignInRequiredError('No renewal.')
    },
  })
  const body = { detail: { code: 'sso-required', message: 'Must login via SSO', extra: {} } }
  t.teardown(sentry.fail('/api/0/auth/', { kind: 'status', status: 401, body }))
  const text = readText(await service.call('whoami', {}, { caller: 'sso' }))
  t.match(text, /sso-required/)
  t.match(text, /open Sentry in a browser/)
  t.equal(renewals, 0)
})

test('every failure of Sentry becomes a text for the model, without a credential', async (t) => {
  const SECRET = `sntryu_${'a1'.repeat(32)}`
  const cases: [title: string, fault: Fault, words: RegExp][] = [
    ['400', { kind: 'status', status: 400, body: { detail: 'Bad slug' } }, /HTTP 400.*Bad slug.*Change/s],
    [
      '403',
      { kind: 'status', status: 403, body: { detail: 'No permission' } },
      /HTTP 403.*No permission.*not help/s,
    ],
    [
      '404',
      { kind: 'status', status: 404, body: { detail: 'Gone' } },
      /HTTP 404.*Gone.*Check the organization/s,
    ],
    ['429 with seconds', { kind: 'status', status: 429, retryAfter: 17 }, /HTTP 429.*Wait 17 seconds/s],
    [
      '429 with a date',
      { kind: 'status', status: 429, retryAfter: new Date(Date.now() + 90_000).toUTCString() },
      /HTTP 429.*Wait (89|90) seconds/s,
    ],
    ['429 without a word', { kind: 'status', status: 429 }, /HTTP 429.*Wait about a minute/s],
    ['500', { kind: 'status', status: 500 }, /HTTP 500.*Try again in a moment/s],
    ['503 with seconds', { kind: 'status', status: 503, retryAfter: 5 }, /HTTP 503.*Try again in 5 seconds/s],
    [
      'a secret repeated',
      { kind: 'status', status: 400, body: { detail: `Bearer ${SECRET}` } },
      /\[redacted\]/,
    ],
    ['an error of another shape', { kind: 'status', status: 418, body: ['teapot'] }, /HTTP 418.*teapot/s],
    ['a maintenance page', { kind: 'html' }, /cannot read/],
    ['an error page', { kind: 'html', status: 502 }, /HTTP 502.*Try again/s],
    ['a page for 404', { kind: 'html', status: 404 }, /HTTP 404.*web page/s],
    ['half a response', { kind: 'truncated' }, /cannot read/],
    ['another media type', { kind: 'content-type', type: 'text/plain' }, /cannot read/],
    ['silence', { kind: 'hang', ms: 2_000 }, /did not answer within 0\.4 seconds.*Try again/],
    ['a response that never ends', { kind: 'drip' }, /did not answer within/],
    ['a reset', { kind: 'reset' }, /could not be reached.*Try again/],
    ['a circle of redirects', { kind: 'redirect-loop' }, /redirects in a circle/],
    ['50 MB', { kind: 'huge-body' }, /larger than 20 MiB/],
    ['1 MB that unpacks to 1 GB', { kind: 'gzip-bomb' }, /larger than 20 MiB/],
  ]
  for (const [title, fault, words] of cases) {
    // A large response takes long on a busy machine; the limit of bytes is what is tested.
    const who = await startForSize(t, title === '50 MB' || title.startsWith('1 MB'))
    const heal = sentry.fail('/api/0/organizations/', fault)
    const result = await who.call('find_organizations')
    heal()
    t.equal(result.isError, true, title)
    t.match(readText(result), words, title)
    t.notMatch(readText(result), /sntryu_|<html|node_modules|127\.0\.0\.1/, title)
  }
  t.notMatch(service.log.join(''), /sntryu_/, 'nor does the log')
})

test('an unreachable Sentry is a tool error', async (t) => {
  const away = await startMcp(t, { sentry, settings: { SENTRY_HOST: '127.0.0.1:9' } })
  t.match(readText(await away.call('whoami')), /^Sentry could not be reached\. Try again/)
})

test('an unexpected failure names only a reference, and is logged', async (t) => {
  const broken = await startMcp(t, {
    sentry,
    settings: { TOOL_SURFACE: 'full' },
    tools: {
      broken: createTool('broken', () =>
        Promise.reject(new Error('password=hunter2 Bearer sntryu_0123456789')),
      ),
    },
  })
  const text = readText(await broken.call('broken'))
  const [, reference = 'none'] = /reference (\S+)\.$/.exec(text) ?? []
  t.notMatch(text, /hunter2/)
  const entry = broken.log.find((line) => line.includes('"level":50'))
  t.match(entry, `"reqId":"${reference}"`)
  t.match(entry, /hunter2/, 'the operator sees what it was')
  t.notMatch(entry, /0123456789/, 'but no token')
})

test('invalid arguments are a tool error, not a protocol error (SEP-1303)', async (t) => {
  const result = await service.call('find_teams', { organizationSlug: '../../users/1' })
  t.equal(result.isError, true)
  t.match(readText(result), /The input cannot be used: .*organizationSlug/)
})

test('a disabled tool cannot be called in any way', async (t) => {
  const settings = {
    DISABLED_TOOLS: 'get_issue_details,find_releases',
    DISABLED_SKILLS: 'project-management',
  }
  const strict = await startMcp(t, { sentry, settings })
  const before = listApiRequests().length
  const listed = await strict.list()
  for (const [name, args] of [
    ['find_releases', { organizationSlug: ORGANIZATION }],
    ['create_team', { organizationSlug: ORGANIZATION, name: 'x' }],
    ['get_issue_details', { organizationSlug: ORGANIZATION, issueId: 'STOREFRONT-1' }],
    ['search_issues', { organizationSlug: ORGANIZATION, query: '' }],
  ] as const) {
    t.notOk(listed.includes(name), `${name} is not listed`)
    const direct = await strict.post(callOf(name, args))
    t.match(await direct.json(), { error: { code: -32602, message: `Unknown tool: ${name}` } }, 'nor called')
    const executed = await strict.call('execute_sentry_tool', { name, arguments: args })
    t.match(readText(executed), /not available in this session/, 'nor executed')
    const found = await strict.call('search_sentry_tools', { query: name, limit: 20 })
    const { results } = found.structuredContent as { results: { name: string }[] }
    t.notOk(
      results.some((result) => result.name === name),
      'nor found',
    )
  }
  const resource = { organizationSlug: ORGANIZATION, resourceType: 'issue', resourceId: 'STOREFRONT-1' }
  t.match(readText(await strict.call('get_sentry_resource', resource)), /get_issue_details is not available/)
  t.equal(listApiRequests().length, before, 'nothing was asked of Sentry')
})

test('with READ_ONLY no tool can change anything', async (t) => {
  const readOnly = await startMcp(t, { sentry, settings: { READ_ONLY: 'true' } })
  const args = { organizationSlug: ORGANIZATION, issueId: 'STOREFRONT-1', status: 'resolved' }
  t.match(await (await readOnly.post(callOf('update_issue', args))).json(), { error: { code: -32602 } })
  const executed = await readOnly.call('execute_sentry_tool', { name: 'update_issue', arguments: args })
  t.match(readText(executed), /not available/)
  t.notOk((await readOnly.call('execute_sentry_tool', { name: 'whoami' })).isError)
})

test('a call that lacks only a scope gets 403 insufficient_scope with the whole set', async (t) => {
  service.addCaller('reader', { scope: new Set(['org:read', 'event:read']) })
  const args = { organizationSlug: ORGANIZATION, issueId: 'STOREFRONT-1', status: 'resolved' }
  for (const era of ['legacy', 'modern'] as const) {
    for (const call of [
      callOf('update_issue', args),
      callOf('execute_sentry_tool', { name: 'update_issue', arguments: args }),
    ]) {
      const response = await postIn(era, service, call, { caller: 'reader' })
      t.equal(response.status, 403)
      t.equal(
        response.headers.get('www-authenticate'),
        'Bearer error="insufficient_scope", scope="org:read event:read event:write"',
      )
      t.match(await response.json(), { jsonrpc: '2.0', error: { message: /event:write/ } })
    }
  }
  t.notOk((await service.list({ caller: 'reader' })).includes('update_issue'))
})

test('a call that lacks a skill gets a tool error that names it', async (t) => {
  service.addCaller('inspector', { skills: new Set(['inspect']) })
  const args = { organizationSlug: ORGANIZATION, name: 'x' }
  for (const [name, given] of [
    ['create_team', args],
    ['execute_sentry_tool', { name: 'create_team', arguments: args }],
  ] as const) {
    const result = await service.call(name, given, { caller: 'inspector' })
    t.match(result, { isError: true })
    t.match(readText(result), /create_team needs the skill project-management.*authorize/)
  }
})

test('tools read a self-hosted Sentry at its own address, even if it reports regions', async (t) => {
  const { host, paths } = await startSentryWithRegions(t)
  const selfHosted = await startMcp(t, { sentry, settings: { SENTRY_HOST: host } })
  const traceId = 'b'.repeat(32)
  for (const [name, args] of [
    ['get_trace_details', { organizationSlug: 'acme', traceId }],
    ['get_trace_details', { organizationSlug: 'acme', traceId, regionUrl: 'https://us.sentry.io' }],
    ['get_sentry_resource', { organizationSlug: 'acme', resourceType: 'trace', resourceId: traceId }],
    [
      'execute_sentry_tool',
      { name: 'get_replay_details', arguments: { organizationSlug: 'acme', replayId: 'r1' } },
    ],
  ] as const) {
    paths.length = 0
    const text = readText(await selfHosted.call(name, args))
    t.notMatch(text, /regionUrl|HTTPS|could not be reached/, name)
    t.ok(
      paths.some((path) => path.startsWith('/api/0/organizations/acme/')),
      paths.join(' '),
    )
    t.notOk(paths.includes('/api/0/organizations/acme/'), 'it does not even ask for the region')
  }
})

test('within a constraint no tool reaches another organization, with any arguments', async (t) => {
  service.addCaller('constrained', { constraints: { organizationSlug: ORGANIZATION } })
  const options = { caller: 'constrained' }
  t.notOk((await service.list(options)).includes('find_organizations'))
  t.notOk((await service.call('find_projects', {}, options)).isError)
  t.notOk((await service.call('whoami', {}, options)).isError)
  const before = listApiRequests().length
  const issueUrl = `http://${sentry.host}/organizations/lantern-labs/issues/TELEMETRY-1/`
  for (const [name, args] of [
    ['find_projects', { organizationSlug: 'lantern-labs' }],
    ['get_issue_details', { issueUrl }],
    ['analyze_issue_with_seer', { issueUrl }],
    ['get_sentry_resource', { url: issueUrl }],
    ['execute_sentry_tool', { name: 'find_teams', arguments: { organizationSlug: 'lantern-labs' } }],
  ] as const) {
    await service.call(name, args, options)
  }
  const reached = listApiRequests()
    .slice(before)
    .filter(({ path }) => path.includes('lantern-labs'))
  t.same(reached, [])
})

test('Sentry’s refusal of a write is reported as missing permissions', async (t) => {
  const reader = sentry.issueTokens(undefined, ['org:read'])
  service.addCaller('without', { accessToken: reader.accessToken, scope: new Set(DEFAULT_SCOPES) })
  const result = await service.call(
    'create_team',
    { organizationSlug: ORGANIZATION, name: 'y' },
    { caller: 'without' },
  )
  t.match(readText(result), /HTTP 403.*permissions/s, 'what Sentry itself refuses stays refused')
})

let serviceForLarge: McpService | undefined

/** The shared service, or for a large response one with the usual timeouts. */
async function startForSize(t: Test, isLarge: boolean): Promise<McpService> {
  if (!isLarge) return service
  serviceForLarge ??= await startMcp(t, { sentry })
  return serviceForLarge
}

/** A Sentry whose organization reports an http address as its region. */
async function startSentryWithRegions(t: Test): Promise<{ host: string; paths: string[] }> {
  const paths: string[] = []
  const server = createServer((request, response) => {
    const [path = ''] = (request.url ?? '').split('?')
    paths.push(path)
    const links = { regionUrl: `http://${request.headers.host}`, organizationUrl: 'http://elsewhere.example' }
    response.setHeader('content-type', 'application/json')
    if (path === '/api/0/organizations/acme/') {
      response.end(JSON.stringify({ id: '1', slug: 'acme', name: 'Acme', links }))
    } else {
      response.writeHead(404).end(JSON.stringify({ detail: 'Not found' }))
    }
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, paths }
}
