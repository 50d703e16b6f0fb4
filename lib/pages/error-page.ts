import { html } from './html.ts'
import { renderPage } from './layout.ts'

/** Tells a person at a browser what cannot go on, in a sentence of ours, and what they can do. */
export function renderErrorPage(sentence: string, advice: string, requestId: string): string {
  return renderPage(
    'That did not work',
    html`<h1>That did not work</h1>
<p class="warn">${sentence}</p>
<p>${advice}</p>
<p class="soft">If it keeps happening, give the operator of this server this request id: <code>${requestId}</code></p>`,
  )
}
