import { createHash } from 'node:crypto'
import { Html, html } from './html.ts'

const STYLE = `
:root { color-scheme: light dark; --line: #d8d5e0; --soft: #635e70; --back: #f4f3f8; --card: #fff; --text: #1f1633; --act: #5546c8; --on-act: #fff; --warn: #b85f0a; }
@media (prefers-color-scheme: dark) { :root { --line: #433a55; --soft: #aca4bd; --back: #15101e; --card: #1f1829; --text: #f0edf5; --act: #a79cff; --on-act: #17102b; --warn: #e8a04f; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 1.25rem 1rem 2.5rem; background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
header, main, footer { max-width: 36rem; margin: 0 auto; }
.wide :is(header, main, footer) { max-width: 46rem; }
header { padding: 0 .25rem 1rem; }
header a { display: inline-flex; gap: .7rem; align-items: center; color: inherit; text-decoration: none; line-height: 1.25; }
header img { flex: none; border-radius: 8px; }
header strong { display: block; font-size: 1.05rem; }
header span span { color: var(--soft); font-size: .9rem; }
main { padding: 1.5rem 1.75rem 1.75rem; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
footer { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; padding: 1rem .25rem 0; font-size: .9rem; }
h1 { margin: 0 0 .5rem; font-size: 1.4rem; line-height: 1.3; text-wrap: balance; }
h2 { margin: 2rem 0 .5rem; font-size: 1.1rem; line-height: 1.3; }
p { margin: .5rem 0; }
a { color: var(--act); }
dl { margin: 1.25rem 0; border-top: 1px solid var(--line); }
dl div { display: flex; gap: 1rem; padding: .6rem 0; border-bottom: 1px solid var(--line); }
dt { flex: 0 0 8.5rem; color: var(--soft); }
dd { flex: 1; margin: 0; min-width: 0; }
small { display: block; color: var(--soft); font-size: .9rem; font-weight: 400; }
fieldset { margin: 1.25rem 0; padding: 0; border: 0; }
legend { padding: 0; font-weight: 600; }
label { display: flex; gap: .75rem; align-items: flex-start; padding: .5rem 0; }
label input { flex: none; width: 1.1rem; height: 1.1rem; margin: .2rem 0 0; accent-color: var(--act); }
figure { margin: 1rem 0; padding: .8rem 1rem; border: 1px solid var(--line); border-left-width: 4px; border-radius: 8px; background: var(--back); }
figcaption { color: var(--soft); font-size: .9rem; }
.name { margin: .25rem 0; font-size: 1.15rem; font-weight: 600; overflow: hidden; }
.soft { color: var(--soft); font-size: .9rem; }
.warn, .done { padding: .6rem .8rem; border-left: 3px solid var(--warn); background: color-mix(in srgb, var(--warn) 12%, transparent); }
.done { border-color: var(--act); background: color-mix(in srgb, var(--act) 10%, transparent); }
.url, code, pre { font-family: ui-monospace, monospace; font-size: .9rem; }
pre { margin: .5rem 0; padding: .7rem .9rem; white-space: pre-wrap; border: 1px solid var(--line); border-radius: 8px; background: var(--back); user-select: all; -webkit-user-select: all; cursor: copy; }
.confirm { margin-top: 1rem; padding: .7rem .9rem; border: 1px solid var(--act); border-radius: 8px; font-weight: 600; }
.actions, .row { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.25rem; }
button, .button { display: inline-block; padding: .65rem 1rem; border: 1px solid var(--line); border-radius: 8px; background: transparent; color: inherit; font: inherit; font-weight: 600; line-height: 1.4; text-align: center; text-decoration: none; cursor: pointer; }
.actions > * { flex: 1 1 8rem; }
.primary { border-color: var(--act); background: var(--act); color: var(--on-act); }
.danger { border-color: var(--warn); }
.link { padding: 0; border: 0; color: var(--act); font-weight: inherit; text-decoration: underline; }
.row { align-items: flex-end; margin: .75rem 0; }
.row label { display: block; flex: 1 1 12rem; padding: 0; font-size: .9rem; font-weight: 600; }
.row label input { display: block; width: 100%; height: auto; margin: .25rem 0 0; padding: .6rem .75rem; border: 1px solid var(--soft); border-radius: 8px; background: var(--card); color: inherit; font: inherit; font-weight: 400; }
.clients { border-top: 1px solid var(--line); }
details { border-bottom: 1px solid var(--line); }
summary { padding: .6rem .25rem; font-weight: 600; cursor: pointer; }
details > div { padding: 0 .25rem .9rem; }
.limit { margin-top: 1rem; padding: 0 .9rem; border: 1px solid var(--line); border-radius: 8px; }
.limit form { padding: 0 .25rem 1rem; }
section { margin: 1.25rem 0; padding: 1rem 1.25rem 1.25rem; border: 1px solid var(--line); border-radius: 8px; }
section h2 { margin: 0; font-size: 1rem; }
section dl { margin: .75rem 0; }
:is(section, figure) > :last-child { margin-bottom: 0; }
section button { width: 100%; }
.foot { display: flex; flex-wrap: wrap; gap: .25rem 1rem; justify-content: space-between; margin-top: 1.5rem; }
:is(a, button, input, summary):focus-visible { outline: 3px solid var(--act); outline-offset: 2px; }
@media (max-width: 34rem) { main { padding: 1.25rem 1.1rem 1.4rem; } dl div { display: block; } }
`

/** The source expression with which a content security policy allows the style sheet of the pages. */
export const STYLE_SOURCE = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`

/** What every page says about this server. */
export interface Site {
  /** The name that the operator gave the server. */
  title: string
  /** The Sentry that it serves. */
  sentryHost: string
  /** What a connection without a limit reaches, in words. */
  everything: string
  /** The URL of the set-up page. */
  home: string
  /** The URL of the page with a user's connected clients. */
  account: string
  /** The path of the icon, which is on the origin of the page: the policy of the pages loads nothing else. */
  icon: string
}

export interface SiteSettings {
  BASE_URL: string
  SERVER_TITLE: string
  /** The slugs of the organizations that the server is for; empty for all. */
  ALLOWED_ORGANIZATIONS: readonly string[]
}

/** The site of a server at `BASE_URL`. */
export function createSite(
  { BASE_URL, SERVER_TITLE, ALLOWED_ORGANIZATIONS }: SiteSettings,
  sentryHost: string,
): Site {
  const path = new URL(BASE_URL).pathname.replace(/\/$/, '')
  return {
    title: SERVER_TITLE,
    sentryHost,
    everything:
      ALLOWED_ORGANIZATIONS.length === 0
        ? 'everything you can see at Sentry'
        : 'what you can see of the organizations that this server is for',
    home: `${BASE_URL}/`,
    account: `${BASE_URL}/account`,
    icon: `${path}/icon.png`,
  }
}

export interface PageContent {
  title: string
  content: Html
  /** Whether the page has room for more than a few sentences. */
  isWide?: boolean
}

/** A complete page: one style sheet, no script, nothing loaded but the icon. */
export function renderPage(site: Site, { title, content, isWide = false }: PageContent): string {
  const { sentryHost, home, account, icon } = site
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title}</title>
<link rel="icon" href="${icon}" type="image/png">
<style>${new Html(STYLE)}</style>
</head>
<body${isWide ? html` class="wide"` : ''}>
<header><a href="${home}"><img src="${icon}" alt="" width="40" height="40"><span><strong>${site.title}</strong><span>MCP server for ${sentryHost}</span></span></a></header>
<main>
${content}
</main>
<footer><a href="${home}">Connect a client</a><a href="${account}">Your connected clients</a></footer>
</body>
</html>
`
  return page.text
}
