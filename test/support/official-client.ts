import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { type Browser, createBrowser, signIn } from '../sandbox/browser/browser.ts'
import type { Lifetime } from './lifetime.ts'

const REDIRECT_URI = 'http://127.0.0.1:41998/callback'

/** The OAuth provider that both generations of the official client ask the program for. */
export function createProvider(clientMetadataUrl?: string, browser: Browser = createBrowser()) {
  const values = new Map<string, unknown>()
  let redirect: URL | undefined
  return {
    redirectUrl: REDIRECT_URI,
    clientMetadataUrl,
    clientMetadata: { client_name: 'Official client', redirect_uris: [REDIRECT_URI] },
    state: () => 'state-of-the-client',
    clientInformation: () => values.get('client') as undefined,
    saveClientInformation: (client: unknown) => void values.set('client', client),
    tokens: () => values.get('tokens') as undefined,
    saveTokens: (tokens: unknown) => void values.set('tokens', tokens),
    discoveryState: () => values.get('discovery') as undefined,
    saveDiscoveryState: (state: unknown) => void values.set('discovery', state),
    codeVerifier: () => values.get('verifier') as string,
    saveCodeVerifier: (verifier: string) => void values.set('verifier', verifier),
    async redirectToAuthorization(url: URL) {
      redirect = await signIn(browser, url.href)
    },
    /** The query of the redirect to the client. */
    get response(): URLSearchParams {
      return redirect?.searchParams ?? new URLSearchParams()
    },
  }
}

/** A client of `@modelcontextprotocol/sdk`, which shares no code with this server, signed in with `browser`. */
export async function connectOfficialClient(
  t: Lifetime,
  mcpUrl: string,
  browser: Browser = createBrowser(),
): Promise<Client> {
  const url = new URL(mcpUrl)
  const authProvider = createProvider(undefined, browser)
  const first = new StreamableHTTPClientTransport(url, { authProvider })
  const client = new Client({ name: 'official-client', version: '1.0.0' })
  // The SDK signs in and ends its first attempt with an error.
  await client.connect(first).catch(() => undefined)
  await first.finishAuth(authProvider.response.get('code') ?? '')
  await client.connect(new StreamableHTTPClientTransport(url, { authProvider }))
  t.teardown(() => client.close())
  return client
}
