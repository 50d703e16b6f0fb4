import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { test } from 'tap'
import { createBrowser, signIn } from '../sandbox/browser/browser.ts'
import { startService, useEmbeddedStore } from '../support/service.ts'

const PROGRAMS = new URL('../programs/package.json', import.meta.url)

interface AiSdk {
  auth(
    provider: object,
    options: { serverUrl: string; authorizationCode?: string; callbackState?: string },
  ): Promise<string>
  createMCPClient(config: { transport: object }): Promise<{
    tools(): Promise<Record<string, { execute(args: object, options: object): Promise<unknown> }>>
    close(): Promise<void>
  }>
}

test('@ai-sdk/mcp, the client of the AI SDK, signs in and calls tools with its own schemas', async (t) => {
  const file = createRequire(PROGRAMS).resolve('@ai-sdk/mcp')
  const { auth, createMCPClient }: AiSdk = await import(pathToFileURL(file).href)
  const { url } = await startService(t, { settings: useEmbeddedStore(t) })
  const serverUrl = `${url}/mcp`
  const values = new Map<string, unknown>()
  let redirect: URL | undefined
  const authProvider = {
    redirectUrl: 'http://127.0.0.1:41998/callback',
    clientMetadata: { client_name: 'AI SDK', redirect_uris: ['http://127.0.0.1:41998/callback'] },
    state: () => 'state-of-the-client',
    storedState: () => 'state-of-the-client',
    clientInformation: () => values.get('client'),
    saveClientInformation: (client: unknown) => void values.set('client', client),
    tokens: () => values.get('tokens'),
    saveTokens: (tokens: unknown) => void values.set('tokens', tokens),
    codeVerifier: () => values.get('verifier'),
    saveCodeVerifier: (verifier: string) => void values.set('verifier', verifier),
    authorizationServerInformation: () => values.get('server'),
    saveAuthorizationServerInformation: (server: unknown) => void values.set('server', server),
    async redirectToAuthorization(address: URL) {
      redirect = await signIn(createBrowser(), address.href)
    },
  }
  t.equal(await auth(authProvider, { serverUrl }), 'REDIRECT')
  const authorizationCode = redirect?.searchParams.get('code') ?? ''
  const callbackState = redirect?.searchParams.get('state') ?? ''
  t.equal(await auth(authProvider, { serverUrl, authorizationCode, callbackState }), 'AUTHORIZED')

  const client = await createMCPClient({ transport: { type: 'http', url: serverUrl, authProvider } })
  t.teardown(() => client.close())
  const tools = await client.tools()
  const options = { messages: [], toolCallId: 'call-1' }
  t.match(JSON.stringify(await tools.whoami?.execute({}, options)), /mara@tidewater\.example/)
  const args = { organizationSlug: 'tidewater-books', issueId: 'STOREFRONT-1', issueUrl: null }
  t.notMatch(JSON.stringify(await tools.get_issue_details?.execute(args, options)), /"isError":true/)
})
