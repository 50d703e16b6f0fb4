import { createHash, randomBytes } from 'node:crypto'
import { type Browser, signIn, type Visit } from '../browser/browser.ts'
import {
  expect,
  type Json,
  parse,
  type Report,
  readJson,
  readList,
  readMessage,
  request,
  WalkError,
} from './check.ts'

// An OAuth client of its own, independent of the service's code and of test/support/client.ts on purpose: that one is a
// tool to send right and wrong requests one by one, this one checks every response as a careful client must.

/** The client that signs in. */
export interface WalkingClient {
  name: string
  /** The browser stops there, so that the client does not have to listen. */
  redirectUri: string
  browser: Browser
}

/** What a signed-in client has. */
export interface ClientTokens {
  clientId: string
  accessToken: string
  refreshToken: string
  tokenEndpoint: string
}

/**
 * From the bare URL of a protected resource to tokens: challenge, discovery, registration, authorization with a
 * browser, and the exchange of the code. Throws `WalkError` at the first response that a careful client does
 * not accept.
 */
export async function signInClient(
  mcpUrl: string,
  client: WalkingClient,
  report: Report,
): Promise<ClientTokens> {
  const challenge = await readChallenge(mcpUrl)
  report('401 challenge', `asks for ${challenge.scope ?? 'no scope'}`)

  const resource = await readJson('protected resource metadata', challenge.resourceMetadata)
  expect('protected resource metadata', resource.resource === mcpUrl, resource, `resource is not ${mcpUrl}`)
  const [issuer] = readList(resource.authorization_servers)
  expect('protected resource metadata', issuer !== undefined, resource, 'names no authorization server')
  report('protected resource metadata', `names ${issuer}`)

  const server = await readServerMetadata(issuer)
  report('authorization server metadata', `PKCE with ${readList(server.code_challenge_methods_supported)}`)

  const clientId = await register(String(server.registration_endpoint), client)
  report('registration', `${client.name} is ${shorten(clientId)}`)

  const verifier = randomBytes(32).toString('base64url')
  const state = randomBytes(16).toString('base64url')
  const scope = challenge.scope ?? readList(resource.scopes_supported).join(' ')
  const authorizeUrl = new URL(String(server.authorization_endpoint))
  authorizeUrl.search = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: client.redirectUri,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    resource: mcpUrl,
    state,
    ...(scope === '' ? {} : { scope }),
  }).toString()
  const redirect = await walkBrowser(client.browser, authorizeUrl, report)

  const parameters = Object.fromEntries(redirect.searchParams)
  const { code } = parameters
  expect('authorization response', parameters.error === undefined, parameters, 'is an error')
  expect('authorization response', parameters.state === state, parameters, 'has another state')
  expect(
    'authorization response',
    parameters.iss === issuer,
    parameters,
    `iss is not ${issuer} (RFC 9207 §2.4)`,
  )
  expect('authorization response', code !== undefined, parameters, 'has no code')
  report('authorization response', 'state and iss are right')

  const tokenEndpoint = String(server.token_endpoint)
  const tokens = await redeem(tokenEndpoint, {
    grant_type: 'authorization_code',
    code,
    redirect_uri: client.redirectUri,
    client_id: clientId,
    code_verifier: verifier,
    resource: mcpUrl,
  })
  report('token', `${tokens.token_type}, ends in ${tokens.expires_in} s`)
  return {
    clientId,
    accessToken: String(tokens.access_token),
    refreshToken: String(tokens.refresh_token),
    tokenEndpoint,
  }
}

/** RFC 9728 §5.1: where the metadata is, and what scope to ask for. */
async function readChallenge(
  mcpUrl: string,
): Promise<{ resourceMetadata: string; scope: string | undefined }> {
  const step = '401 challenge'
  const response = await request(step, mcpUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' }),
  })
  const header = response.headers.get('www-authenticate') ?? ''
  const found = { status: response.status, 'www-authenticate': header, body: await response.text() }
  expect(step, response.status === 401, found, 'a request without a token does not get 401')
  expect(step, /^bearer /i.test(header), found, 'is not for the Bearer scheme')
  const params = new Map(
    [...header.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [name, value]),
  )
  const resourceMetadata = params.get('resource_metadata')
  expect(step, resourceMetadata !== undefined, found, 'has no resource_metadata')
  return { resourceMetadata, scope: params.get('scope') }
}

/** RFC 8414 §3: the well-known document of the issuer, which must say that it is that issuer. */
async function readServerMetadata(issuer: string): Promise<Json> {
  const step = 'authorization server metadata'
  const { origin, pathname } = new URL(issuer)
  const path = pathname === '/' ? '' : pathname
  const server = await readJson(step, `${origin}/.well-known/oauth-authorization-server${path}`)
  expect(step, server.issuer === issuer, server, `issuer is not ${issuer}`)
  const methods = readList(server.code_challenge_methods_supported)
  expect(step, methods.includes('S256'), server, 'does not offer PKCE with S256')
  for (const name of ['authorization_endpoint', 'token_endpoint', 'registration_endpoint'])
    expect(step, typeof server[name] === 'string', server, `has no ${name}`)
  return server
}

/** RFC 7591 §3.1, as a public client. */
async function register(endpoint: string, { name, redirectUri }: WalkingClient): Promise<string> {
  const step = 'registration'
  const response = await request(step, endpoint, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: name,
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
    }),
  })
  const client = await parse(step, response, 201)
  expect(step, typeof client.client_id === 'string', client, 'has no client_id')
  expect(step, client.client_secret === undefined, client, 'gives a public client a secret')
  return String(client.client_id)
}

/** The consent page, Sentry's page and the redirects, each request of the browser a step. */
async function walkBrowser(browser: Browser, authorizeUrl: URL, report: Report): Promise<URL> {
  const begin = browser.chain.length
  try {
    return await signIn(browser, authorizeUrl.href)
  } catch (error) {
    const last = browser.chain.at(-1)
    throw new WalkError(last === undefined ? 'authorize' : nameStep(last), readMessage(error))
  } finally {
    for (const visit of browser.chain.slice(begin)) report(nameStep(visit), describeVisit(visit))
  }
}

function nameStep({ method, url }: Visit): string {
  const { pathname } = new URL(url)
  if (pathname.endsWith('/oauth/authorize')) return 'authorize'
  if (pathname.endsWith('/oauth/consent')) return 'consent'
  if (pathname.endsWith('/oauth/callback')) return 'callback'
  return method === 'POST' ? 'approval at Sentry' : 'sign-in at Sentry'
}

function describeVisit({ status, location }: Visit): string {
  if (location === undefined) return status === 200 ? 'shows a page' : `responds ${status}`
  const target = new URL(location, 'http://relative')
  return `goes on to ${target.origin}${target.pathname}`
}

/** RFC 6749 §4.1.4 and §5.1. */
async function redeem(endpoint: string, form: Record<string, string>): Promise<Json> {
  const step = 'token'
  const response = await request(step, endpoint, { method: 'POST', body: new URLSearchParams(form) })
  const cacheControl = response.headers.get('cache-control') ?? ''
  const tokens = await parse(step, response, 200)
  const shown = { ...tokens, access_token: '…', refresh_token: '…' }
  expect(step, /no-store/.test(cacheControl), { 'cache-control': cacheControl }, 'may be cached')
  expect(step, String(tokens.token_type).toLowerCase() === 'bearer', shown, 'is not a Bearer token')
  expect(step, typeof tokens.access_token === 'string', shown, 'has no access_token')
  expect(step, typeof tokens.refresh_token === 'string', shown, 'has no refresh_token')
  return tokens
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 39)}…` : text
}
