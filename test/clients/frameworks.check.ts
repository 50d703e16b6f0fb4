import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { test } from 'tap'
import { createBrowser, signIn } from '../sandbox/browser/browser.ts'
import { registerClient } from '../support/client.ts'
import { findFreePort } from '../support/free-port.ts'
import { startService, useEmbeddedStore } from '../support/service.ts'

const { resolve } = createRequire(new URL('../programs/package.json', import.meta.url))

interface Mastra {
  MCPOAuthClientProvider: new (options: object) => object
  MCPClient: new (
    options: object,
  ) => {
    authenticate(server: string): Promise<void>
    listTools(): Promise<Record<string, { execute(args: object): Promise<unknown> }>>
    disconnect(): Promise<void>
  }
}

interface Langchain {
  MultiServerMCPClient: new (
    options: object,
  ) => {
    getTools(): Promise<{ name: string; invoke(args: object): Promise<unknown> }[]>
    close(): Promise<void>
  }
}

test('@mastra/mcp, which never registers, signs in with a client id that it was given', async (t) => {
  const { MCPClient, MCPOAuthClientProvider }: Mastra = await import(
    pathToFileURL(resolve('@mastra/mcp')).href
  )
  const { url } = await startService(t, { settings: useEmbeddedStore(t) })
  const redirectUrl = `http://127.0.0.1:${await findFreePort()}/callback`
  const { id } = await registerClient(url, redirectUrl)
  const authProvider = new MCPOAuthClientProvider({
    redirectUrl,
    clientMetadata: { client_name: 'Mastra', redirect_uris: [redirectUrl] },
    clientInformation: { client_id: id, redirect_uris: [redirectUrl] },
    async onRedirectToAuthorization(address: URL) {
      const redirect = await signIn(createBrowser(), address.href)
      await (await fetch(redirect)).body?.cancel()
    },
  })
  const client = new MCPClient({ servers: { sentry: { url: new URL(`${url}/mcp`), authProvider } } })
  t.teardown(() => client.disconnect())
  await client.authenticate('sentry')
  const tools = await client.listTools()
  t.match(JSON.stringify(await tools.sentry_whoami?.execute({})), /mara@tidewater\.example/)
})

test('@langchain/mcp-adapters calls tools with the token of its program', async (t) => {
  const { MultiServerMCPClient }: Langchain = await import(
    pathToFileURL(resolve('@langchain/mcp-adapters')).href
  )
  const { url } = await startService(t, { settings: useEmbeddedStore(t) })
  const { access_token } = await (await registerClient(url)).signIn()
  const headers = { authorization: `Bearer ${access_token}` }
  const client = new MultiServerMCPClient({
    mcpServers: { sentry: { transport: 'http', url: `${url}/mcp`, headers } },
  })
  t.teardown(() => client.close())
  const tools = await client.getTools()
  const whoami = tools.find(({ name }) => name.endsWith('whoami'))
  t.match(JSON.stringify(await whoami?.invoke({})), /mara@tidewater\.example/)
})
