import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { type CookieJar, createCookieJar } from './cookie-jar.ts'
import {
  type Button,
  findUnchecked,
  type HtmlForm,
  listEntries,
  parseForms,
  tickRequired,
} from './html-form.ts'
import {
  allowsFormTarget,
  chooseOrigin,
  chooseReferrer,
  compareSites,
  type SiteRelation,
} from './navigation-policy.ts'

/** A page as it is shown. */
export interface Page {
  url: URL
  status: number
  headers: Headers
  html: string
  forms: HtmlForm[]
}

/** Where a navigation ended: on a page, or at a redirect to a client of the service. */
export type Arrival = { kind: 'page'; page: Page } | { kind: 'client'; url: URL }

/** One request of the browser. */
export interface Visit {
  method: string
  url: string
  headers: Record<string, string>
  status: number
  /** Where it was redirected to. */
  location: string | undefined
}

/** A browser without a user interface: it does what Chromium does between the address bar and the network. */
export interface Browser {
  jar: CookieJar
  /** Every request so far. */
  chain: Visit[]
  /**
   * Redirect URIs of clients, at which it stops without a request. It stops at every scheme but http and https as well.
   */
  redirectUris: string[]
  /** Types an address. */
  open(url: string): Promise<Arrival>
  /** Presses a button of a form on a page. */
  submit(page: Page, form: HtmlForm, button: Button): Promise<Arrival>
}

export interface SignInChoices {
  consent?: 'allow' | 'deny'
  sentry?: 'approve' | 'deny'
}

/** A request that a browser would refuse, or a page without a way on. */
class BrowserError extends Error {
  override readonly name = 'BrowserError'
}

interface Navigation {
  method: string
  url: URL
  body: string | undefined
  /** The page that it begins on; undefined for a typed address. */
  from: Page | undefined
}

const MAX_REDIRECTS = 20
const MAX_PAGES = 5
const REDIRECTS = new Set([301, 302, 303, 307, 308])
const USER_AGENT =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36'

export interface BrowserOptions {
  /** Certificates, PEM, that it trusts for https. */
  ca?: string | string[]
  /** The loopback port that a URL is requested from; its own by default. */
  choosePort?(url: URL): number | undefined
}

/** Creates a browser that connects to loopback only. */
export function createBrowser({ ca, choosePort }: BrowserOptions = {}): Browser {
  const jar = createCookieJar()
  const chain: Visit[] = []
  const redirectUris: string[] = []

  async function navigate(navigation: Navigation): Promise<Arrival> {
    let { method, url, body } = navigation
    let relation: SiteRelation = 'none'
    for (let hops = 0; hops <= MAX_REDIRECTS; hops += 1) {
      checkFormTarget(navigation, url)
      if (isClient(url)) return { kind: 'client', url }
      if (!isLoopback(url)) throw new BrowserError(`${url.origin} is not on this machine.`)
      relation = compareSites(relation, navigation.from?.url, url)

      const headers = writeHeaders(navigation.from, { method, url, body, relation })
      const response = await send(url, method, headers, body, { ca, port: choosePort?.(url) })
      jar.store(url, response.headers.getSetCookie())
      const location = REDIRECTS.has(response.status) ? response.headers.get('location') : null
      chain.push({ method, url: url.href, headers, status: response.status, location: location ?? undefined })
      if (location === null) {
        return { kind: 'page', page: { url, ...response, forms: parseForms(response.html, url) } }
      }
      url = new URL(location, url)
      if (response.status < 307) {
        method = 'GET'
        body = undefined
      }
    }
    throw new BrowserError(
      `More than ${MAX_REDIRECTS} redirects, the last one to ${url.origin}${url.pathname}.`,
    )
  }

  function writeHeaders(
    from: Page | undefined,
    request: { method: string; url: URL; body: string | undefined; relation: SiteRelation },
  ): Record<string, string> {
    const { method, url, body, relation } = request
    const policy = from?.headers.get('referrer-policy') ?? undefined
    const isPost = method === 'POST'
    const optional = {
      // Chromium considers where a navigation began and not the redirects between. RFC 6265bis lets a browser
      // withhold Strict cookies here, so a sign-in must not need them.
      cookie: jar.write({ url, method, isCrossSite: relation === 'cross-site' }),
      referer: from && chooseReferrer(policy, from.url, url),
      origin: isPost && from ? chooseOrigin(policy, from.url, url) : undefined,
      'content-type': body === undefined ? undefined : 'application/x-www-form-urlencoded',
    }
    return {
      'user-agent': USER_AGENT,
      accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
      'accept-language': 'en',
      'upgrade-insecure-requests': '1',
      'sec-fetch-site': relation,
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
      'sec-fetch-user': '?1',
      ...Object.fromEntries(
        Object.entries(optional).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
      ),
    }
  }

  function isClient(url: URL): boolean {
    if (url.protocol !== 'http:' && url.protocol !== 'https:') return true
    return redirectUris.some((uri) => uri.split('?')[0] === url.href.split('?')[0])
  }

  return {
    jar,
    chain,
    redirectUris,
    open: (url) => navigate({ method: 'GET', url: new URL(url), body: undefined, from: undefined }),
    async submit(page, form, button) {
      const missing = findUnchecked(form, button)
      if (missing !== undefined) throw new BrowserError(`The box ${missing.name} has to be ticked first.`)
      const entries = new URLSearchParams(listEntries(form, button)).toString()
      if (form.method === 'POST')
        return navigate({ method: 'POST', url: form.action, body: entries, from: page })
      const url = new URL(form.action)
      url.search = entries
      return navigate({ method: 'GET', url, body: undefined, from: page })
    },
  }
}

/**
 * Goes through the service's consent page and Sentry's page, in any order and number, and returns
 * the URL that redirects to the client.
 */
export async function signIn(
  browser: Browser,
  authorizeUrl: string,
  choices: SignInChoices = {},
): Promise<URL> {
  const arrival = await pressOn(browser, authorizeUrl, choices)
  if (arrival.kind === 'page') throw new BrowserError(describePage(arrival.page))
  return arrival.url
}

/** Goes through the same pages as `signIn` does, to the client or to a page without a way on. */
export async function pressOn(
  browser: Browser,
  authorizeUrl: string,
  choices: SignInChoices = {},
): Promise<Arrival> {
  const redirectUri = new URL(authorizeUrl).searchParams.get('redirect_uri')
  if (redirectUri !== null) browser.redirectUris.push(redirectUri)

  let arrival = await browser.open(authorizeUrl)
  for (let pages = 0; arrival.kind === 'page'; pages += 1) {
    const { page } = arrival
    const isConsent = page.forms.some(({ action }) => action.pathname.endsWith('/oauth/consent'))
    const pressed = isConsent
      ? findButton(page, 'decision', choices.consent ?? 'allow')
      : findButton(page, 'op', choices.sentry ?? 'approve')
    if (pressed === undefined || pages === MAX_PAGES) return arrival
    const form = choices.consent === 'deny' ? pressed.form : tickRequired(pressed.form)
    arrival = await browser.submit(page, form, pressed.button)
  }
  return arrival
}

function findButton({ forms }: Page, name: string, value: string) {
  return forms
    .flatMap((form) => form.buttons.map((button) => ({ form, button })))
    .find(({ button }) => button.name === name && button.value === value)
}

/** The text of a page that has no way on. */
function describePage({ url, status, html }: Page): string {
  const text = html
    .replaceAll(/<(style|script|title)\b.*?<\/\1>|<[^>]*>/gis, ' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
  return `${url.origin}${url.pathname} responded ${status} with a page that has no way on: ${text.slice(0, 300)}`
}

function checkFormTarget({ from, method }: Navigation, target: URL): void {
  const policy = from?.headers.get('content-security-policy')
  if (from === undefined || policy === null || policy === undefined) return
  if (!allowsFormTarget(policy, from.url, target))
    throw new BrowserError(
      `The form's page forbids a ${method} that leads to ${target.protocol}//${target.host}.`,
    )
}

function isLoopback({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
}

function send(
  url: URL,
  method: string,
  headers: Record<string, string>,
  body: string | undefined,
  { ca, port }: { ca: string | string[] | undefined; port: number | undefined },
) {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp
  return new Promise<{ status: number; headers: Headers; html: string }>((resolve, reject) => {
    const outgoing = request(
      url,
      {
        method,
        headers: { ...headers, host: url.host },
        agent: false,
        ...(ca !== undefined && { ca }),
        ...(port !== undefined && { port }),
      },
      (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('error', reject)
        incoming.on('end', () => {
          const received = Object.entries(incoming.headersDistinct).flatMap(([name, values = []]) =>
            values.map((value): [string, string] => [name, value]),
          )
          resolve({
            status: incoming.statusCode ?? 0,
            headers: new Headers(received),
            html: Buffer.concat(chunks).toString(),
          })
        })
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
