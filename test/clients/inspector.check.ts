import { test } from 'tap'
import { findFreePort } from '../support/free-port.ts'
import { findProgram } from '../support/program.ts'
import { startService, useEmbeddedStore } from '../support/service.ts'
import { createDesktop } from './desktop.ts'

for (const era of ['legacy', 'modern']) {
  test(`@modelcontextprotocol/inspector --cli signs in and works, in the ${era} era`, async (t) => {
    const { url } = await startService(t, { settings: useEmbeddedStore(t) })
    const desktop = createDesktop(t)
    // Without this it opens a browser only when started from a terminal.
    desktop.env.MCP_AUTO_OPEN_ENABLED = 'true'
    desktop.env.MCP_INSPECTOR_SECRET_STORE = 'file'
    const { file } = findProgram('@modelcontextprotocol/inspector', 'inspector')
    const redirectUri = `http://127.0.0.1:${await findFreePort()}/oauth/callback`
    const inspect = async (...args: string[]) => {
      const common = ['--protocol-era', era, '--callback-url', redirectUri, '--format', 'json']
      return JSON.parse(await desktop.runScript(file, '--cli', `${url}/mcp`, ...common, ...args)).result
    }

    const { tools } = await inspect('--method', 'tools/list')
    t.ok(tools.some(({ name }: { name: string }) => name === 'find_organizations'))
    const result = await inspect('--method', 'tools/call', '--tool-name', 'whoami')
    t.match(result, { structuredContent: { user: { email: 'mara@tidewater.example' } } })
    const isModern = result._meta?.['io.modelcontextprotocol/serverInfo'] !== undefined
    t.equal(isModern, era === 'modern')

    const [address, ...more] = desktop.listOpened()
    t.equal(address?.searchParams.get('redirect_uri'), redirectUri)
    t.same(more, [], 'the second call needs no browser')
  })
}
