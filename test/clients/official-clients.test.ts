import * as v2 from '@modelcontextprotocol/client'
import { type Test, test } from 'tap'
import { respondWithJson, startDocumentHost } from '../support/document-host.ts'
import { connectOfficialClient, createProvider } from '../support/official-client.ts'
import { startService, useEmbeddedStore, useRedisStore } from '../support/service.ts'

interface McpClient {
  listTools(): Promise<{ tools: { name: string }[] }>
  callTool(call: { name: string; arguments: Record<string, unknown> }): Promise<object>
}

/** Lists the tools and calls some, as a user's client does. */
async function checkWork(t: Test, client: McpClient) {
  const { tools } = await client.listTools()
  const names = tools.map(({ name }) => name)
  for (const name of ['whoami', 'find_organizations', 'search_issues', 'execute_sentry_tool']) {
    t.ok(names.includes(name), name)
  }
  const result = await client.callTool({ name: 'whoami', arguments: {} })
  t.match(JSON.stringify(result), /mara@tidewater\.example/)
  const found = await client.callTool({
    name: 'find_projects',
    arguments: { organizationSlug: 'tidewater-books' },
  })
  t.notMatch(JSON.stringify(found), /"isError":true/)
}

async function start(t: Test): Promise<URL> {
  const { url } = await startService(t, { settings: { ...(await useRedisStore(t)), DIRECT_SEARCH: 'true' } })
  return new URL(`${url}/mcp`)
}

test('@modelcontextprotocol/sdk signs in and works', async (t) => {
  const client = await connectOfficialClient(t, (await start(t)).href)
  t.equal(client.getServerVersion()?.name, 'sentry-mcp')
  await checkWork(t, client)
})

test('@modelcontextprotocol/sdk reaches the allowed organizations alone (ALLOWED_ORGANIZATIONS)', async (t) => {
  const settings = { ...useEmbeddedStore(t), ALLOWED_ORGANIZATIONS: 'tidewater-books' }
  const { url, sentry, app } = await startService(t, { settings })
  const stranger = { id: '1002', name: 'Nina Holt', email: 'nina@lantern.example', organizations: [] }
  sentry.setUser(stranger)
  await t.rejects(connectOfficialClient(t, `${url}/mcp`), 'its user stays on the page of the sign-in')
  t.same((await app.store.scanGrants()).grants, [])
  sentry.setUser({ ...stranger, organizations: ['tidewater-books', 'lantern-labs'] })
  const client = await connectOfficialClient(t, `${url}/mcp`)
  const call = async (name: string, args: object) =>
    JSON.stringify(await client.callTool({ name, arguments: { ...args } }))
  const found = await call('find_organizations', {})
  t.match(found, 'tidewater-books')
  t.notMatch(found, 'lantern-labs')
  t.match(await call('find_projects', { organizationSlug: 'tidewater-books' }), 'storefront')
  const refused = /"This server is limited to the organization tidewater-books\..*"isError":true/
  const other = { organizationSlug: 'lantern-labs' }
  t.match(await call('find_projects', other), refused)
  t.match(await call('execute_sentry_tool', { name: 'find_teams', arguments: other }), refused)
  t.match(
    await call('get_sentry_resource', { url: `${sentry.url}/organizations/lantern-labs/issues/1/` }),
    refused,
  )
})

const eras = [
  { title: 'as it comes', versionNegotiation: undefined },
  { title: 'in 2026-07-28', versionNegotiation: { mode: 'auto' as const } },
]
for (const { title, versionNegotiation } of eras) {
  test(`@modelcontextprotocol/client signs in and works, ${title}`, async (t) => {
    const url = await start(t)
    const authProvider = createProvider()
    const first = new v2.StreamableHTTPClientTransport(url, { authProvider })
    const create = () => new v2.Client({ name: 'official-client', version: '2.0.0' }, { versionNegotiation })
    await t.rejects(create().connect(first), v2.UnauthorizedError, 'the first request is a 401')
    await first.finishAuth(authProvider.response)

    const client = create()
    await client.connect(new v2.StreamableHTTPClientTransport(url, { authProvider }))
    t.teardown(() => client.close())
    await checkWork(t, client)
  })
}

test('two entries of one client, of which one only reads, work beside each other', async (t) => {
  const url = await start(t)
  const connect = async (address: string): Promise<v2.Client> => {
    const authProvider = createProvider()
    const create = () => new v2.Client({ name: 'official-client', version: '2.0.0' })
    const first = new v2.StreamableHTTPClientTransport(new URL(address), { authProvider })
    await t.rejects(create().connect(first), v2.UnauthorizedError)
    await first.finishAuth(authProvider.response)
    const client = create()
    await client.connect(new v2.StreamableHTTPClientTransport(new URL(address), { authProvider }))
    t.teardown(() => client.close())
    return client
  }
  const [reading, whole] = [await connect(`${url}?readonly=1`), await connect(url.href)]
  const write = { name: 'create_team', arguments: { organizationSlug: 'tidewater-books', name: 'Entry' } }
  for (let round = 0; round < 2; round += 1) {
    const { tools } = await reading.listTools()
    t.ok(tools.length > 10 && tools.every(({ annotations }) => annotations?.readOnlyHint === true))
    await t.rejects(reading.callTool(write), { message: /Unknown tool/ })
    t.ok((await whole.listTools()).tools.some(({ name }) => name === 'create_team'))
  }
  t.notOk((await whole.callTool(write)).isError)
})

test('@modelcontextprotocol/client uses its CIMD document where that is offered, and does not register', async (t) => {
  const host = await startDocumentHost(t)
  const id = host.locate('/client.json')
  const document = {
    client_id: id,
    client_name: 'Official client',
    redirect_uris: ['http://127.0.0.1/callback'],
    token_endpoint_auth_method: 'none',
  }
  host.pages.set('/client.json', respondWithJson(document))
  const settings = { ...useEmbeddedStore(t), DIRECT_SEARCH: 'true', CLIENT_ID_METADATA_DOCUMENTS: 'true' }
  const { url, log } = await startService(t, { settings, network: host.network })
  const authProvider = createProvider(id)
  const create = () => new v2.Client({ name: 'official-client', version: '2.0.0' })
  const first = new v2.StreamableHTTPClientTransport(new URL(`${url}/mcp`), { authProvider })
  await t.rejects(create().connect(first), v2.UnauthorizedError)
  await first.finishAuth(authProvider.response)

  const client = create()
  await client.connect(new v2.StreamableHTTPClientTransport(new URL(`${url}/mcp`), { authProvider }))
  t.teardown(() => client.close())
  await checkWork(t, client)
  t.match(authProvider.clientInformation(), { client_id: id })
  t.notMatch(log.join(''), '/oauth/register')
})
