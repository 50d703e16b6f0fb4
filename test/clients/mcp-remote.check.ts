import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { test } from 'tap'
import { findProgram } from '../support/program.ts'
import { startService, useEmbeddedStore } from '../support/service.ts'
import { CLIENT_TIMEOUT_MS, createDesktop, WITHOUT_TAP } from './desktop.ts'

test('mcp-remote signs in, works for a client that speaks stdio, and stays signed in', async (t) => {
  const { url } = await startService(t, { settings: useEmbeddedStore(t) })
  const desktop = createDesktop(t)
  const { file } = findProgram('mcp-remote', 'mcp-remote')

  async function connect(): Promise<Client> {
    const client = new Client({ name: 'stdio-client', version: '1.0.0' })
    t.teardown(() => client.close())
    const { env, home: cwd } = desktop
    const [command, ...rest] = WITHOUT_TAP
    const args = [...rest, process.execPath, file, `${url}/mcp`]
    const transport = new StdioClientTransport({ command, args, env, cwd, stderr: 'ignore' })
    await client.connect(transport, { timeout: CLIENT_TIMEOUT_MS })
    return client
  }

  const first = await connect()
  const { tools } = await first.listTools()
  t.ok(tools.some(({ name }) => name === 'find_organizations'))
  const result = await first.callTool({ name: 'whoami', arguments: {} })
  t.match(result.structuredContent, { user: { email: 'mara@tidewater.example' } })
  await first.close()

  const second = await connect()
  t.match(await second.callTool({ name: 'whoami', arguments: {} }), { structuredContent: { user: {} } })
  await second.close()

  const [address, ...more] = desktop.listOpened()
  t.match(address?.searchParams.get('redirect_uri'), /^http:\/\/localhost:\d+\/oauth\/callback$/)
  t.equal(address?.searchParams.get('resource'), `${url}/mcp`)
  t.same(more, [], 'the second time it needs no browser')
})
