import tap, { test } from 'tap'
import { startAiProvider } from '../../../support/ai-provider.ts'
import { readText, startMcp } from '../../../support/mcp-service.ts'

const ORGANIZATION = 'tidewater-books'
const service = await startMcp(tap, { settings: { TOOL_SURFACE: 'full', DIRECT_SEARCH: 'true' } })
const issue = { organizationSlug: ORGANIZATION, issueId: 'STOREFRONT-1' }

/** Calls a tool directly and through the one that executes others. */
async function callBoth(name: string, args: object, caller = 'mara'): Promise<string[]> {
  const results = [
    await service.call(name, args, { caller }),
    await service.call('execute_sentry_tool', { name, arguments: args }, { caller }),
  ]
  return results.map((result) => `${result.isError === true ? 'failed' : 'ok'}: ${readText(result)}`)
}

// LibreChat#11905: OpenAI's strict mode sends every argument of a schema.
test('null for an optional argument counts as absent, at any depth', async (t) => {
  const calls: [name: string, args: object][] = [
    ['get_issue_details', { ...issue, issueUrl: null, eventId: null, regionUrl: null }],
    [
      'get_sentry_resource',
      { url: null, resourceType: 'issue', resourceId: 'STOREFRONT-1', ...issue, issueId: undefined },
    ],
    [
      'get_release_details',
      { organizationSlug: ORGANIZATION, releaseVersion: 'storefront@2.8.0', limit: null },
    ],
    ['find_uptime_monitors', { organizationSlug: ORGANIZATION, owner: null, environment: null, query: null }],
    [
      'onboarding_status_update',
      {
        organizationSlug: ORGANIZATION,
        runToken: 'abcde12345',
        update: { stage: 'analyze_project', status: 'completed', runStatus: null, extra: null },
      },
    ],
  ]
  for (const [name, args] of calls) {
    for (const result of await callBoth(name, args)) t.match(result, /^ok: /, name)
  }
  const [missing] = await callBoth('find_teams', { organizationSlug: null })
  t.match(missing, /organizationSlug must be a string, not null/, 'what is required is not absent')
})

test('null that means something reaches the tool: update_uptime_monitor clears a body', async (t) => {
  const args = { organizationSlug: ORGANIZATION, projectSlug: 'storefront', uptimeMonitorId: '33001' }
  const before = service.sentry.requests.length
  await service.call('update_uptime_monitor', { ...args, name: 'Shop', body: null })
  const put = service.sentry.requests.slice(before).find(({ method }) => method === 'PUT')
  t.match(JSON.stringify(put?.body), /"body":null/)
})

test('an empty text is absent where only an id or URL can stand, and is kept elsewhere', async (t) => {
  for (const result of await callBoth('get_issue_details', { ...issue, issueUrl: '', eventId: ' ' })) {
    t.match(result, /^ok: /)
  }
  for (const result of await callBoth('search_issues', { organizationSlug: ORGANIZATION, query: '' })) {
    t.match(result, /^ok: /, 'a query may be empty')
  }
  for (const result of await callBoth('find_uptime_monitors', {
    organizationSlug: ORGANIZATION,
    query: '',
  })) {
    t.match(result, /^failed: .*query/s, 'its own rule stays')
  }
})

// googleapis/js-genai#708: Gemini and the strict mode of OpenAI fill in named members only, so the rest has to be a text.
// neo4j-contrib/mcp-neo4j#231: clients send the JSON of an object or list in its place.
test('the JSON of an object or list stands for it, and what stands for no argument is none', async (t) => {
  const texts: [name: string, args: unknown][] = [
    ['get_issue_details', JSON.stringify(issue)],
    ['get_issue_details', ` ${JSON.stringify({ ...issue, issueUrl: null, unused: '' }, null, 2)}\n`],
    ['whoami', '{}'],
    ['whoami', { unused: 'x' }],
    ['whoami', null],
    ['whoami', ' '],
    [
      'onboarding_status_update',
      {
        organizationSlug: ORGANIZATION,
        runToken: 'abcde12345',
        update: JSON.stringify({ stage: 'analyze_project', status: 'completed', runStatus: null }),
      },
    ],
  ]
  for (const [name, args] of texts) {
    const result = await service.call('execute_sentry_tool', { name, arguments: args })
    t.notOk(result.isError, `${name} ${JSON.stringify(args)}: ${readText(result)}`)
  }
  t.notOk((await service.call('whoami', { unused: '' })).isError)
  const refused: [args: unknown, words: RegExp][] = [
    ['organizationSlug=x', /arguments of get_issue_details must be an object/],
    ['[1]', /must be an object/],
    ['{"issueId": ', /must be an object/],
    ['null', /must be an object/],
    [JSON.stringify({ ...issue, projectSlugg: 'x' }), /no argument projectSlugg/],
    [`{"organizationSlug":${'['.repeat(9_000)}${']'.repeat(9_000)}}`, /nested deeper than 32 levels/],
    [JSON.stringify({ ...issue, unused: 'x', unusedToo: 'y' }), /no argument unusedToo/],
    [
      JSON.stringify({ ...issue, issueId: 'x'.repeat(9_000) }),
      /issueId has 9000 characters; the limit is 8192/,
    ],
  ]
  for (const [args, words] of refused) {
    const before = service.sentry.requests.length
    const result = await service.call('execute_sentry_tool', { name: 'get_issue_details', arguments: args })
    t.equal(result.isError, true, JSON.stringify(args).slice(0, 80))
    t.match(readText(result), words)
    t.equal(service.sentry.requests.length, before)
  }
  const fields = JSON.stringify(Array.from({ length: 300 }, () => 'issue'))
  const search = { organizationSlug: ORGANIZATION, dataset: 'errors', query: '', fields }
  for (const result of await callBoth('search_events', search))
    t.match(result, /^failed: .*fields has 300 entries; the limit is 200/, 'limits hold for what was JSON')
})

test('an unknown argument is an error that names the nearest, and asks Sentry nothing', async (t) => {
  const cases: [name: string, args: object, words: RegExp][] = [
    [
      'find_releases',
      { organizationSlug: ORGANIZATION, projectSlugg: 'x' },
      /no argument projectSlugg; did you mean projectSlug\?/,
    ],
    [
      'find_releases',
      { organization_slug: ORGANIZATION },
      /organization_slug; did you mean organizationSlug\?/,
    ],
    [
      'find_releases',
      { organizationSlug: ORGANIZATION, project: 'x' },
      /project; did you mean projectSlug\?/,
    ],
    [
      'find_teams',
      { organizationSlug: ORGANIZATION, zzzzzz: 1 },
      /zzzzzz; it takes organizationSlug, query\./,
    ],
    ['whoami', { verbose: true }, /whoami has no argument verbose; it takes none\./],
    [
      'onboarding_status_update',
      {
        organizationSlug: ORGANIZATION,
        runToken: 'abcde12345',
        update: { stage: 'analyze_project', statuss: 'completed' },
      },
      /update\.statuss; did you mean update\.status\?/,
    ],
  ]
  const before = service.sentry.requests.length
  for (const [name, args, words] of cases) {
    for (const result of await callBoth(name, args)) {
      t.match(result, /^failed: /, name)
      t.match(result, words, name)
    }
  }
  t.equal(service.sentry.requests.length, before)
})

test('arguments that a limit fills in are ignored unless they contradict it', async (t) => {
  service.addCaller('limited', { constraints: { organizationSlug: ORGANIZATION, projectSlug: 'storefront' } })
  const fitting = {
    organizationSlug: ORGANIZATION,
    projectSlug: 'Storefront',
    regionUrl: 'https://us.sentry.io',
  }
  for (const args of [{}, fitting, { organizationSlug: null, projectSlug: '' }]) {
    for (const result of await callBoth('find_releases', args, 'limited')) t.match(result, /^ok: /)
  }
  for (const [args, words] of [
    [{ organizationSlug: 'lantern-labs' }, /limited to the organization tidewater-books.*"lantern-labs"/],
    [{ projectSlug: 'checkout-api' }, /limited to the project storefront.*"checkout-api"/],
  ] as const) {
    for (const result of await callBoth('find_releases', args, 'limited')) t.match(result, words)
  }
})

test('errors of arguments are sentences without the issues of a validator', async (t) => {
  const cases: [name: string, args: object, words: RegExp][] = [
    ['find_teams', {}, /organizationSlug is missing\./],
    ['find_teams', { organizationSlug: 5 }, /organizationSlug must be a string, not a number\./],
    [
      'find_dashboards',
      { organizationSlug: ORGANIZATION, sort: 'x' },
      /sort must be "title", "-title", .* or "-dateCreated"\./,
    ],
    ['find_dashboards', { organizationSlug: ORGANIZATION, limit: 1000 }, /limit: .*100/],
    [
      'get_profile',
      { ...issue, issueId: undefined, projectSlugOrId: true },
      /projectSlugOrId must be a string or a number, not a boolean/,
    ],
  ]
  for (const [name, args, words] of cases) {
    for (const result of await callBoth(name, args)) {
      t.match(result, words, name)
      t.notMatch(result, /"code"|"path"|\[\s*\{|invalid_type|Invalid input/, name)
    }
  }
})

// getsentry/self-hosted#3241: https://sentry.example.com/issues/5/ was read as one of the organization "sentry".
test('a link to a self-hosted Sentry names an organization only by /organizations/<slug>/', async (t) => {
  service.addCaller('bound', { constraints: { organizationSlug: ORGANIZATION } })
  const links = [
    'https://sentry.example.com/issues/STOREFRONT-1/',
    'http://localhost:9000/acme/web/issues/STOREFRONT-1/?a=1',
  ]
  for (const issueUrl of links) {
    const before = service.sentry.requests.length
    for (const [args, caller] of [
      [{ issueUrl, organizationSlug: ORGANIZATION }, 'mara'],
      [{ issueUrl }, 'bound'],
    ] as const) {
      for (const result of await callBoth('get_issue_details', args, caller)) t.match(result, /^ok: /)
    }
    const resource = await service.call('get_sentry_resource', {
      url: issueUrl,
      organizationSlug: ORGANIZATION,
    })
    t.notOk(resource.isError, readText(resource))
    const asked = service.sentry.requests.slice(before).map(({ path }) => path.split('/')[4])
    t.same([...new Set(asked)], [ORGANIZATION])
    for (const result of await callBoth('get_issue_details', { issueUrl })) {
      t.match(result, /^failed: .*issueUrl does not name an organization.*organizationSlug/)
    }
  }
  const named = `https://sentry.example.com/organizations/${ORGANIZATION}/issues/STOREFRONT-1/`
  for (const result of await callBoth('get_issue_details', { issueUrl: named })) t.match(result, /^ok: /)
  const cloud = `https://${ORGANIZATION}.sentry.io/issues/STOREFRONT-1/`
  for (const result of await callBoth('get_issue_details', { issueUrl: cloud })) t.match(result, /^ok: /)
})

test('a model behind use_sentry may send null, and learns of unknown arguments', async (t) => {
  const provider = await startAiProvider(t, [
    { calls: [{ name: 'get_issue_details', args: { ...issue, issueUrl: null } }] },
    { calls: [{ name: 'find_teams', args: { organizationSlugg: 'x' } }] },
    { says: 'Done.' },
  ])
  const agent = await startMcp(t, { settings: provider.settings })
  const result = await agent.call('use_sentry', { request: 'look', trace: null })
  t.equal(readText(result), 'Done.')
  t.match(provider.requests[1]?.body, /function_call_output.*STOREFRONT-1/s)
  t.match(provider.requests[2]?.body, /did you mean organizationSlug/)
})
