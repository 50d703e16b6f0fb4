import { renderRedirectUri } from './consent-page.ts'
import { type Html, html } from './html.ts'
import { renderPage } from './layout.ts'

/** The way back to a client, which a user has to choose: the client's error is in `href`. */
export interface WayBack {
  href: string
  redirectUri: string
}

/** The page that tells a user what went wrong and what they can do. `sentence` and `advice` are public. */
export function renderErrorPage(
  sentence: string,
  advice: string,
  requestId: string,
  wayBack?: WayBack,
): string {
  return renderPage(
    'That did not work',
    html`<h1>That did not work</h1>
<p class="warn">${sentence}</p>
<p>${advice}</p>
${wayBack === undefined ? html`` : renderWayBack(wayBack)}
<p class="soft">If this happens again, give the operator of this server this request id: <code>${requestId}</code></p>`,
  )
}

/** The link back to a client, with where it leads. */
export function renderWayBack({ href, redirectUri }: WayBack): Html {
  return html`<dl><div><dt>The client is at</dt><dd>${renderRedirectUri(redirectUri)}</dd></div></dl>
<p><a href="${href}" rel="noreferrer">Go back to the client</a>, only if you started this sign-in there.</p>`
}
