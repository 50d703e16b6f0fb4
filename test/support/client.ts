import { createHash, randomBytes } from 'node:crypto'
import {
  type Arrival,
  type Browser,
  createBrowser,
  type SignInChoices,
  signIn,
} from '../sandbox/browser/browser.ts'

// A client that sends right and wrong requests one by one. The client of test/sandbox/walk/ is independent of it on
// purpose: that one checks every response as a careful client must.

export interface Tokens {
  access_token: string
  refresh_token: string
  expires_in: number
  scope: string
}

/** An OAuth client under test, one step at a time. */
export interface TestClient {
  id: string
  redirectUri: string
  browser: Browser
  verifier: string
  /** The authorization request with a test's changes; `undefined` leaves a parameter out. */
  createAuthorizeUrl(changes?: Record<string, string | undefined>): string
  /** Signs in and returns the redirect that reached the client. */
  authorize(changes?: Record<string, string | undefined>, choices?: SignInChoices): Promise<URL>
  /** Opens the authorization request and stops at the page. */
  open(changes?: Record<string, string | undefined>): Promise<Arrival>
  /** Posts to the token endpoint. */
  requestToken(parameters: Record<string, string>): Promise<Response>
  redeem(code: string, changes?: Record<string, string>): Promise<Response>
  refresh(refreshToken: string, changes?: Record<string, string>): Promise<Response>
  /** Signs in and redeems the code. */
  signIn(changes?: Record<string, string | undefined>): Promise<Tokens>
}

/** Registers a public client at a service. */
export async function registerClient(
  url: string,
  redirectUri = 'http://127.0.0.1:41998/callback',
  name = 'Test client',
): Promise<TestClient> {
  const registered = await fetch(`${url}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: name, redirect_uris: [redirectUri] }),
  })
  const { client_id: id } = (await registered.json()) as { client_id: string }
  return createTestClient(url, id, redirectUri)
}

/** A client that is registered already. */
export function createTestClient(url: string, id: string, redirectUri: string): TestClient {
  const { verifier, challenge } = createPkce()
  const browser = createBrowser()
  browser.redirectUris.push(redirectUri)

  function createAuthorizeUrl(changes: Record<string, string | undefined> = {}): string {
    const parameters = {
      response_type: 'code',
      client_id: id,
      redirect_uri: redirectUri,
      state: 'state of the client',
      code_challenge: challenge,
      code_challenge_method: 'S256',
      resource: `${url}/mcp`,
      ...changes,
    }
    const given = Object.entries(parameters).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    )
    return `${url}/oauth/authorize?${new URLSearchParams(given)}`
  }

  function requestToken(parameters: Record<string, string>): Promise<Response> {
    return fetch(`${url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: id, ...parameters }),
    })
  }

  const client: TestClient = {
    id,
    redirectUri,
    browser,
    verifier,
    createAuthorizeUrl,
    requestToken,
    authorize: (changes, choices) => signIn(browser, createAuthorizeUrl(changes), choices),
    open: (changes) => browser.open(createAuthorizeUrl(changes)),
    redeem: (code, changes) =>
      requestToken({
        grant_type: 'authorization_code',
        code,
        redirect_uri: redirectUri,
        code_verifier: verifier,
        ...changes,
      }),
    refresh: (refreshToken, changes) =>
      requestToken({ grant_type: 'refresh_token', refresh_token: refreshToken, ...changes }),
    async signIn(changes) {
      const redirect = await client.authorize(changes)
      const response = await client.redeem(redirect.searchParams.get('code') ?? '')
      if (response.status !== 200) throw new Error(`Signing in failed: ${await response.text()}`)
      return (await response.json()) as Tokens
    },
  }
  return client
}

/** A verifier and its S256 challenge (RFC 7636 §4.1 and §4.2). */
function createPkce(): { verifier: string; challenge: string } {
  const verifier = randomBytes(32).toString('base64url')
  return { verifier, challenge: createHash('sha256').update(verifier).digest('base64url') }
}
