import { renderRedirectUri } from './consent-page.ts'
import { type Html, html } from './html.ts'
import { renderPage, type Site } from './layout.ts'

/** The way back to a client, which a user has to choose: the client's error is in `href`. */
export interface WayBack {
  href: string
  redirectUri: string
}

/** What went wrong and what the user can do about it, in public sentences. */
export interface Refusal {
  sentence: string
  advice: string
  requestId: string
  wayBack?: WayBack | undefined
}

/** The page that tells a user what went wrong and what they can do. */
export function renderErrorPage({ sentence, advice, requestId, wayBack }: Refusal, site: Site): string {
  return renderPage(site, {
    title: 'That did not work',
    content: html`<h1>That did not work</h1>
<p class="warn">${sentence}</p>
<p>${advice}</p>
${wayBack === undefined ? html`` : renderWayBack(wayBack)}
<p class="soft">If this happens again, give the operator of this server this request id: <code>${requestId}</code></p>`,
  })
}

/** The link back to a client, with where it leads. */
export function renderWayBack({ href, redirectUri }: WayBack): Html {
  return html`<dl><div><dt>The client is at</dt><dd>${renderRedirectUri(redirectUri)}</dd></div></dl>
<p><a href="${href}" rel="noreferrer">Go back to the client</a>, only if you started this sign-in there.</p>`
}

/** The page at an address that this server does not have. */
export function renderNotFoundPage(site: Site): string {
  return renderPage(site, {
    title: 'There is no such page',
    content: html`<h1>There is no such page</h1>
<p>The address may be misspelled.</p>
<p><a class="button primary" href="${site.home}">See how to connect a client</a></p>`,
  })
}

/** The page at the address of the MCP endpoint, which a user may open to see whether the server is there. */
export function renderMcpPage(site: Site): string {
  return renderPage(site, {
    title: 'This address is for MCP clients',
    content: html`<h1>This address is for MCP clients</h1>
<p>The server is running. Add this address to an MCP client, such as a coding agent; the client then opens this browser for you to sign in.</p>
<p><a class="button primary" href="${site.home}">See how to connect a client</a></p>`,
  })
}
