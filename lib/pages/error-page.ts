import { html } from './html.ts'
import { renderPage } from './layout.ts'

/** The page that tells a user what went wrong and what they can do. `sentence` and `advice` are public. */
export function renderErrorPage(sentence: string, advice: string, requestId: string): string {
  return renderPage(
    'That did not work',
    html`<h1>That did not work</h1>
<p class="warn">${sentence}</p>
<p>${advice}</p>
<p class="soft">If this happens again, give the operator of this server this request id: <code>${requestId}</code></p>`,
  )
}
