import { get as httpGet } from 'node:http'
import { type Test, test } from 'tap'
import { GAUGE_ISSUES, GAUGE_SPANS, GAUGE_TRACE } from './data-tide-gauge.ts'
import { type SandboxOptions, startSentry } from './server.ts'

const MEGABYTE = 1024 * 1024

async function start(t: Test, options: SandboxOptions = {}) {
  const sentry = await startSentry(options)
  t.teardown(() => sentry.close())
  const { accessToken } = sentry.issueTokens()
  const get = (path: string) =>
    fetch(`${sentry.url}/api/0${path}`, { headers: { authorization: `Bearer ${accessToken}` } })
  return { sentry, get }
}

test('sizes are those of a busy project', async (t) => {
  const { sentry, get } = await start(t)
  const page = await get('/organizations/lantern-labs/issues/?limit=100&query=project:tide-gauge')
  const issues = await read<unknown[]>(page)
  t.equal(issues.length, 100)
  const rest = await get(
    '/organizations/lantern-labs/issues/?limit=100&query=project:tide-gauge&cursor=0:100:0',
  )
  t.equal((await read<unknown[]>(rest)).length, GAUGE_ISSUES - 100)

  const event = await get('/organizations/lantern-labs/issues/TIDE-GAUGE-1/events/latest/')
  const { length } = await event.text()
  t.ok(length > 40_000 && length < 80_000, `an event of ${length} bytes`)

  const trace = await read<Node[]>(await get(`/organizations/lantern-labs/trace/${GAUGE_TRACE}/`))
  t.match(measure(trace), { spans: GAUGE_SPANS, depth: 11 })
  t.equal(sentry.data.organizations.length, 2)
})

test('large attachments are streamed in the length that their list names', async (t) => {
  const { sentry, get } = await start(t)
  const issue = sentry.data.organizations[1]?.issues.find(({ shortId }) => shortId === 'TIDE-GAUGE-1')
  const path = `/projects/lantern-labs/tide-gauge/events/${issue?.events[0]?.id}/attachments/`
  const list = await read<{ id: string; name: string; size: number; mimetype: string }[]>(await get(path))
  t.match(list, [
    { name: 'readings.log', size: 4 * MEGABYTE, mimetype: 'text/plain' },
    { name: 'gauge.dmp', size: 19 * MEGABYTE, mimetype: 'application/octet-stream' },
  ])
  for (const { id, size, mimetype } of list) {
    const response = await get(`${path}${id}/?download=1`)
    t.equal(response.headers.get('content-type'), mimetype)
    t.equal(response.headers.get('content-length'), String(size))
    t.equal((await response.arrayBuffer()).byteLength, size)
  }
})

test('nothing of a project is in the lists of another', async (t) => {
  const { get } = await start(t)
  const lists = [
    'issues/?project=61003',
    'issues/?query=project:telemetry',
    'events/?dataset=errors&project=61003&field=title&field=project',
    'events/?dataset=spans&project=61003&field=span.description&field=project',
    'tags/?project=61003',
  ]
  for (const list of lists) {
    const text = await (await get(`/organizations/lantern-labs/${list}`)).text()
    t.notMatch(text, /tide-gauge|pier-|gauge \d/i, list)
  }
  const owners: Record<string, [own: string, other: string]> = {
    monitors: ['61002', '61001'],
    uptime: ['61002', '61001'],
    'alert-rules': ['61002', '61001'],
    replays: ['61001', '61002'],
    'agents/conversations': ['61001', '61002'],
  }
  for (const [name, [own, other]] of Object.entries(owners)) {
    const list = async (project: string) =>
      await (await get(`/organizations/tidewater-books/${name}/?project=${project}`)).text()
    t.ok((await list(own)).length > 50, `${name} of its project`)
    t.match(await list(other), /^(\[\]|\{"data":\[\]\})$/, `${name} of the other project`)
  }
  t.equal((await get('/organizations/tidewater-books/issues/TIDE-GAUGE-1/')).status, 404)
  t.equal((await get('/projects/tidewater-books/storefront/uptime/33001/')).status, 404)
})

test('a project shows all its flags and settings', async (t) => {
  const { get } = await start(t)
  const project = await read<Record<string, unknown>>(await get('/projects/tidewater-books/checkout-api/'))
  t.match(project, {
    firstTransactionEvent: true,
    hasLogs: true,
    hasTraceMetrics: true,
    hasProfiles: true,
    hasReplays: false,
    hasMonitors: true,
    organization: { slug: 'tidewater-books' },
  })
  t.ok(Object.keys(project).length > 75)
})

test('as sentry.io it has regions, and each knows its own organizations alone', async (t) => {
  const { sentry } = await start(t, { cloud: true })
  const { accessToken } = sentry.issueTokens()
  const ask = async (host: string, path: string) => {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>()
    // fetch does not let a caller name the host.
    const headers = { host, authorization: `Bearer ${accessToken}` }
    httpGet(`${sentry.url}/api/0${path}`, { headers }, async (response) => {
      const chunks = await response.toArray()
      resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() })
    }).on('error', reject)
    return promise
  }
  t.match(JSON.parse((await ask('sentry.io', '/users/me/regions/')).text), {
    regions: [
      { name: 'us', url: 'https://us.sentry.io' },
      { name: 'de', url: 'https://de.sentry.io' },
    ],
  })
  t.match(JSON.parse((await ask('sentry.io', '/organizations/')).text), [
    { links: { organizationUrl: 'https://tidewater-books.sentry.io', regionUrl: 'https://us.sentry.io' } },
    { links: { organizationUrl: 'https://lantern-labs.sentry.io', regionUrl: 'https://de.sentry.io' } },
  ])
  const inGermany = JSON.parse((await ask('de.sentry.io', '/organizations/')).text) as { slug: string }[]
  t.same(
    inGermany.map(({ slug }) => slug),
    ['lantern-labs'],
  )
  t.equal((await ask('de.sentry.io', '/organizations/tidewater-books/issues/')).status, 404)
  t.equal((await ask('us.sentry.io', '/organizations/tidewater-books/issues/')).status, 200)
  const issue = await ask('us.sentry.io', '/organizations/tidewater-books/issues/71001/')
  t.match(issue.text, 'https://tidewater-books.sentry.io/issues/71001/')
})

test('a self-hosted Sentry names no region, or its url-prefix', async (t) => {
  const plain = await start(t)
  t.match(await (await plain.get('/organizations/tidewater-books/')).json(), { links: { regionUrl: '' } })
  const prefixed = await start(t, { regionUrl: 'https://sentry.tidewater.example' })
  t.match(await (await prefixed.get('/organizations/tidewater-books/')).json(), {
    links: { regionUrl: 'https://sentry.tidewater.example' },
  })
})

interface Node {
  children: Node[]
}

function measure(nodes: readonly Node[]): { spans: number; depth: number } {
  const below = nodes.map(({ children }) => measure(children))
  return {
    spans: nodes.length + below.reduce((sum, { spans }) => sum + spans, 0),
    depth: nodes.length === 0 ? 0 : 1 + Math.max(...below.map(({ depth }) => depth)),
  }
}

async function read<Shape>(response: Response): Promise<Shape> {
  return (await response.json()) as Shape
}
