import { html } from './html.ts'
import { renderPage } from './layout.ts'

/** Tells a person at a browser that a sign-in cannot go on, in a sentence of ours, and what they can do. */
export function renderErrorPage(sentence: string, advice: string, requestId: string): string {
  return renderPage(
    'Sign-in did not work',
    html`<h1>Sign-in did not work</h1>
<p class="warn">${sentence}</p>
<p>${advice}</p>
<p class="soft">If it keeps happening, give the operator of this server this request id: <code>${requestId}</code></p>`,
  )
}
