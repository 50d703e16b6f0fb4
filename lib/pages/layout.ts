import { createHash } from 'node:crypto'
import { Html, html } from './html.ts'

const STYLE = `
:root { color-scheme: light dark; --line: #d5d3dc; --soft: #6b6678; --back: #f6f5f9; --card: #fff; --text: #1f1633; --act: #5b4bd6; }
@media (prefers-color-scheme: dark) { :root { --line: #433a55; --soft: #a79fb8; --back: #16111f; --card: #211a2e; --text: #f0edf5; --act: #8f82ff; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2rem 1rem; background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 34rem; margin: 0 auto; padding: 1.5rem 1.75rem 1.75rem; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
h1 { margin: 0 0 .5rem; font-size: 1.35rem; line-height: 1.3; overflow-wrap: anywhere; }
h2 { margin: 1.5rem 0 .5rem; font-size: 1rem; }
p { margin: .5rem 0; }
dl { margin: 1.25rem 0; border-top: 1px solid var(--line); }
dl div { display: flex; gap: 1rem; padding: .6rem 0; border-bottom: 1px solid var(--line); }
dt { flex: 0 0 9rem; color: var(--soft); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
@media (max-width: 30rem) { dl div { display: block; } }
fieldset { margin: 1.25rem 0; padding: 0; border: 0; }
legend { padding: 0; font-weight: 600; }
label { display: flex; gap: .75rem; align-items: flex-start; padding: .5rem 0; }
label input { flex: none; width: 1.1rem; height: 1.1rem; margin: .2rem 0 0; accent-color: var(--act); }
figure { margin: 1rem 0; padding: .8rem 1rem; border: 1px solid var(--line); border-left: 4px solid var(--line); border-radius: 8px; background: var(--back); }
figcaption { color: var(--soft); font-size: .9rem; }
.name { margin: .25rem 0; font-size: 1.15rem; font-weight: 600; overflow-wrap: anywhere; overflow: hidden; }
.url { font-family: ui-monospace, monospace; font-size: .9rem; overflow-wrap: anywhere; }
dd small { display: block; margin-top: .2rem; color: var(--soft); font-size: .9rem; }
.confirm { margin-top: 1rem; padding: .7rem .9rem; border: 1px solid var(--act); border-radius: 8px; font-weight: 600; }
.confirm small { font-weight: 400; }
label small { display: block; color: var(--soft); font-size: .9rem; }
.soft { color: var(--soft); font-size: .9rem; }
.warn { padding: .6rem .8rem; border-left: 3px solid #d9822b; background: color-mix(in srgb, #d9822b 12%, transparent); }
.actions { display: flex; gap: .75rem; margin-top: 1.5rem; }
button { flex: 1; padding: .7rem 1rem; border: 1px solid var(--line); border-radius: 8px; background: transparent; color: inherit; font: inherit; font-weight: 600; cursor: pointer; }
button.primary, a.button { border-color: var(--act); background: var(--act); color: #fff; }
@media (prefers-color-scheme: dark) { button.primary, a.button { color: #16111f; } }
a { color: var(--act); }
a.button { display: inline-block; padding: .5rem .9rem; border: 1px solid; border-radius: 8px; font-weight: 600; text-decoration: none; }
button.link { flex: none; padding: 0; border: 0; color: var(--act); font-weight: inherit; text-decoration: underline; }
details { border-bottom: 1px solid var(--line); }
summary { padding: .6rem 0; font-weight: 600; cursor: pointer; }
details[open] { padding-bottom: .6rem; }
section { margin: 1.25rem 0; padding: 1rem 1.25rem 1.25rem; border: 1px solid var(--line); border-radius: 8px; }
section h2 { margin: 0; overflow-wrap: anywhere; }
section dl { margin: .75rem 0; }
section button { width: 100%; }
.foot { display: flex; flex-wrap: wrap; gap: .25rem 1rem; justify-content: space-between; margin-top: 1.5rem; }
:is(a, button, input, summary):focus-visible { outline: 3px solid var(--act); outline-offset: 2px; }
code, pre { font-family: ui-monospace, monospace; font-size: .9rem; overflow-wrap: anywhere; }
pre { margin: .5rem 0; padding: .7rem .9rem; white-space: pre-wrap; border: 1px solid var(--line); border-radius: 8px; background: var(--back); }
`

/** The source expression with which a content security policy allows the style sheet of the pages. */
export const STYLE_SOURCE = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`

/** A complete page: one style sheet, no script, nothing loaded. */
export function renderPage(title: string, content: Html): string {
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<main>
${content}
</main>
</body>
</html>
`
  return page.text
}
