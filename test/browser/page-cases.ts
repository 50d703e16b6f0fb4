import type { Browser, Page } from 'playwright-core'
import { createTestClient, registerClient, type TestClient } from '../support/client.ts'
import { respondWithJson, startDocumentHost } from '../support/document-host.ts'
import type { Lifetime } from '../support/lifetime.ts'
import { startService, useEmbeddedStore } from '../support/service.ts'
import { startChromium } from './chromium.ts'

/** Every page of the service, each in a state that a user can bring about. */
export interface PageCases {
  browser: Browser
  cases: readonly PageCase[]
}

export interface PageCase {
  /** What a picture of it is called. */
  name: string
  /** The status of its response. */
  status: number
  /** A text that only this page has. */
  shows: string
  open(page: Page): Promise<unknown>
}

/** The name of a public server, which Chromium finds on loopback. */
const PUBLIC_NAME = 'mcp.example.com'

const SIXTY = 'A-client-whose-name-has-no-space-and-goes-on-for-as-long-as-it-is-let'
const RIGHT_TO_LEFT = 'مساعد البرمجة الذكي لفريق التطوير'
const HUNDRED = 'n'.repeat(100)

/** Starts what the pages need. It ends with `t`. */
export async function createPageCases(t: Lifetime): Promise<PageCases> {
  const documents = await startDocumentHost(t)
  const service = await startService(t, { network: documents.network })
  const { url, sentry } = service
  const readOnly = await startService(t, {
    settings: { ...useEmbeddedStore(t), READ_ONLY: 'true', RATE_LIMIT_OAUTH: '3' },
    sharedSentry: sentry,
  })
  const open = await startService(t, {
    settings: { ...useEmbeddedStore(t), BASE_URL: `https://${PUBLIC_NAME}` },
    sharedSentry: sentry,
  })
  const exclusive = await startService(t, {
    settings: { ...useEmbeddedStore(t), ALLOWED_ORGANIZATIONS: 'another-organization' },
    sharedSentry: sentry,
  })
  const { port } = new URL(open.url)
  const browser = await startChromium(t, { [PUBLIC_NAME]: Number(port) })

  const client = await registerClient(url, undefined, 'Claude Code (sentry)')
  const web = await registerClient(url, `https://agents.example.com/${'callback/'.repeat(20)}`, 'Agents')
  const long = await registerClient(url, undefined, SIXTY)
  const rightToLeft = await registerClient(url, undefined, RIGHT_TO_LEFT)
  const published = publishClient()

  const consent =
    (of: TestClient, changes: Record<string, string | undefined> = {}) =>
    (page: Page) =>
      page.goto(of.createAuthorizeUrl(changes))
  const visit = (path: string) => (page: Page) => page.goto(`${url}${path}`)

  return {
    browser,
    cases: [
      { name: 'set-up', status: 200, shows: `${url}/mcp`, open: visit('/') },
      {
        name: 'set-up-clients-open',
        status: 200,
        shows: 'codex mcp add',
        async open(page) {
          const response = await page.goto(`${url}/`)
          // A user has one open at a time.
          await page.evaluate(`for (const client of document.querySelectorAll('details')) {
            client.removeAttribute('name')
            client.open = true
          }`)
          return response
        },
      },
      {
        name: 'set-up-limited',
        status: 200,
        shows: 'Limited to',
        async open(page) {
          await page.goto(`${url}/`)
          await page.getByText('Limit it to').click()
          await page.getByLabel('Organization').fill('tidewater')
          await page.getByLabel('Project').fill('storefront')
          await page.getByLabel('Only tools').check()
          await page.getByRole('button', { name: /Show the address/ }).click()
        },
      },
      {
        name: 'set-up-wrong-slug',
        status: 200,
        shows: 'cannot be the slug',
        open: visit(`/?organization=${encodeURIComponent(RIGHT_TO_LEFT)}&project=${HUNDRED}`),
      },
      {
        name: 'set-up-long-slugs',
        status: 200,
        shows: `${HUNDRED}/${HUNDRED}`,
        open: visit(`/?organization=${HUNDRED}&project=${HUNDRED}`),
      },
      {
        name: 'set-up-public',
        status: 200,
        shows: 'claude plugin install',
        open: (page) => page.goto(`http://${PUBLIC_NAME}/`),
      },
      { name: 'consent', status: 200, shows: 'Claude Code (sentry)', open: consent(client) },
      {
        name: 'consent-web-client',
        status: 200,
        shows: 'agents.example.com',
        open: consent(web, { resource: `${url}/mcp/tidewater/storefront`, scope: 'org:read project:read' }),
      },
      { name: 'consent-document', status: 200, shows: 'Its web site', open: consent(published) },
      {
        name: 'consent-long-name',
        status: 200,
        shows: SIXTY.slice(0, 60),
        open: consent(long, { resource: `${url}/mcp/${HUNDRED}/${HUNDRED}` }),
      },
      { name: 'consent-right-to-left', status: 200, shows: RIGHT_TO_LEFT, open: consent(rightToLeft) },
      {
        name: 'consent-read-only',
        status: 200,
        shows: 'This server is read-only',
        open: async (page) => page.goto((await registerClient(readOnly.url)).createAuthorizeUrl()),
      },
      {
        name: 'error-unknown-client',
        status: 400,
        shows: 'does not know the client_id',
        open: consent(createTestClient(url, 'unknown', client.redirectUri)),
      },
      {
        name: 'error-way-back',
        status: 400,
        shows: 'Go back to the client',
        open: consent(client, { code_challenge_method: 'plain' }),
      },
      {
        name: 'error-way-back-web',
        status: 400,
        shows: 'Go back to the client',
        open: consent(web, { scope: 'unknown' }),
      },
      {
        name: 'error-not-confirmed',
        status: 400,
        shows: 'did not confirm',
        async open(page) {
          await page.goto(client.createAuthorizeUrl())
          // As a browser without this check would send it.
          await page.evaluate('document.forms[0].noValidate = true')
          await page.getByRole('button', { name: 'Allow' }).click()
        },
      },
      {
        name: 'error-expired',
        status: 400,
        shows: 'expired or was already used',
        open: visit('/oauth/callback'),
      },
      {
        name: 'error-other-browser',
        status: 403,
        shows: 'in another browser',
        async open(page) {
          await page.goto(client.createAuthorizeUrl())
          await page.context().clearCookies()
          await press(page, /Deny/)
        },
      },
      {
        name: 'error-denied-at-sentry',
        status: 403,
        shows: 'did not allow access at Sentry',
        async open(page) {
          sentry.forgetApprovals()
          await page.goto(`${url}/account`)
          await press(page, /Sign in at/)
          await press(page, /Deny/)
        },
      },
      {
        name: 'not-a-member',
        status: 403,
        shows: 'This account cannot use this server',
        async open(page) {
          sentry.forgetApprovals()
          const other = await registerClient(exclusive.url, undefined, 'Claude Code (sentry)')
          await page.goto(other.createAuthorizeUrl())
          await page.getByLabel('I have just connected this client myself').check()
          await press(page, /Allow/)
          await press(page, /Approve/)
        },
      },
      {
        name: 'error-unavailable',
        status: 503,
        shows: 'start the sign-in again',
        async open(page) {
          sentry.forgetApprovals()
          await page.goto(`${url}/account`)
          await press(page, /Sign in at/)
          const lift = sentry.fail('POST /oauth/token/', { kind: 'status', status: 502 })
          await press(page, /Approve/)
          lift()
        },
      },
      {
        name: 'error-too-many-requests',
        status: 429,
        shows: 'Too many requests',
        async open(page) {
          for (let count = 0; count < 4; count += 1) await fetch(`${readOnly.url}/oauth/callback`)
          await page.goto(`${readOnly.url}/oauth/callback`)
        },
      },
      { name: 'account-signed-out', status: 200, shows: 'Sign in at', open: visit('/account') },
      { name: 'account-empty', status: 200, shows: 'No client is connected', open: signIn },
      {
        name: 'account',
        status: 200,
        shows: 'Revoke all',
        async open(page) {
          for (const one of [client, client, published]) await one.signIn()
          await web.signIn({ resource: `${url}/mcp/tidewater/storefront` })
          await signIn(page)
        },
      },
      {
        name: 'account-revoke-one',
        status: 200,
        shows: 'Revoke the access of this client?',
        async open(page) {
          await signIn(page)
          await press(page, /Revoke Claude Code/)
        },
      },
      {
        name: 'account-revoke-all',
        status: 200,
        shows: 'Revoke the access of 4 clients?',
        async open(page) {
          await signIn(page)
          await press(page, /Revoke all/)
        },
      },
      {
        name: 'account-revoked',
        status: 200,
        shows: 'The access was revoked',
        async open(page) {
          await signIn(page)
          await press(page, /Revoke all/)
          await press(page, /Revoke all/)
        },
      },
      {
        name: 'account-long-names',
        status: 200,
        shows: SIXTY.slice(0, 60),
        async open(page) {
          sentry.setUser({ id: '3003', name: `${RIGHT_TO_LEFT} ${HUNDRED}`, email: 'user@tidewater.example' })
          await long.signIn({ resource: `${url}/mcp/${HUNDRED.slice(0, 60)}` }).catch(() => undefined)
          await long.signIn()
          await rightToLeft.signIn()
          await signIn(page)
        },
      },
      { name: 'not-found', status: 404, shows: 'There is no such page', open: visit('/acount') },
      { name: 'mcp', status: 401, shows: 'This address is for MCP clients', open: visit('/mcp') },
      {
        name: 'malformed',
        status: 400,
        shows: 'The request is malformed',
        open: visit('/?readonly=1&readonly=2'),
      },
      {
        name: 'other-address',
        status: 403,
        shows: 'This server has another address',
        open: (page) => page.goto(`http://localhost:${port}/`),
      },
    ],
  }

  /** A client with a metadata document and a web site on the same host. */
  function publishClient(): TestClient {
    const id = documents.locate('/oauth/client.json')
    const redirectUri = 'http://127.0.0.1:41999/callback'
    const document = {
      client_id: id,
      client_name: 'Visual Studio Code',
      client_uri: documents.locate('/'),
      redirect_uris: [redirectUri],
      token_endpoint_auth_method: 'none',
    }
    documents.pages.set('/oauth/client.json', respondWithJson(document))
    return createTestClient(url, id, redirectUri)
  }

  /** Signs in to the account page, and approves at Sentry where it asks. */
  async function signIn(page: Page): Promise<void> {
    await page.goto(`${url}/account`)
    await press(page, /Sign in at/)
    const approve = page.getByRole('button', { name: 'Approve' })
    if (await approve.isVisible()) await press(page, /Approve/)
  }
}

/** Presses a button, and waits until the page that it leads to is there. */
async function press(page: Page, name: RegExp): Promise<void> {
  await page.getByRole('button', { name }).first().click()
  await page.waitForLoadState()
}
