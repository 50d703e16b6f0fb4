import type { Application, SentryUser } from './accounts.ts'
import type { Issue, Organization } from './data.ts'

export interface AuthorizePage {
  application: Application
  user: SentryUser
  scope: readonly string[]
  /** Where the person is sent next. */
  redirectUri: string
  transaction: string
  csrfToken: string
}

const MEANINGS: Record<string, string> = {
  'org:read': 'See your organizations',
  'project:read': 'See projects, releases and client keys',
  'project:write': 'Create and change projects and client keys',
  'team:read': 'See teams',
  'team:write': 'Create and change teams',
  'event:read': 'See issues and events',
  'event:write': 'See, resolve and assign issues',
}

/** The page on which a person lets an application in, or does not. */
export function renderAuthorizePage(page: AuthorizePage): string {
  const scopes = page.scope
    .map((name) => `<li>${escapeHtml(MEANINGS[name] ?? name)} <code>${escapeHtml(name)}</code></li>`)
    .join('\n        ')
  const organization = page.application.organizationId
  const organizationInput =
    organization === undefined
      ? ''
      : `<input type="hidden" name="selected_organization_id" value="${escapeHtml(organization)}">`
  return renderPage(
    `Let ${page.application.name} in?`,
    `
      <p class="who">Signed in as <strong>${escapeHtml(page.user.name ?? page.user.email)}</strong>
        (${escapeHtml(page.user.email)})</p>
      <p><strong>${escapeHtml(page.application.name)}</strong> asks to act for you at this Sentry:</p>
      <ul>
        ${scopes}
      </ul>
      <p>You will be sent to <code>${escapeHtml(new URL(page.redirectUri).origin)}</code>.</p>
      <form method="post" action="/oauth/authorize/">
        <input type="hidden" name="csrfmiddlewaretoken" value="${escapeHtml(page.csrfToken)}">
        <input type="hidden" name="tx" value="${escapeHtml(page.transaction)}">
        ${organizationInput}
        <button type="submit" name="op" value="approve">Approve</button>
        <button type="submit" name="op" value="deny" class="plain">Deny</button>
      </form>`,
  )
}

/** Sentry shows errors as a page until the client and its redirect URI are known to be right. */
export function renderErrorPage(problem: string): string {
  return renderPage('This request cannot go on', `<p>${escapeHtml(problem)}</p>`)
}

/** The page at `/`, which tells a person what this is and what is in it. */
export function renderHomePage(user: SentryUser, organizations: readonly Organization[]): string {
  return renderPage(
    'Sentry, for tests and for the demo',
    `<p>An OAuth server and an API with made-up data. Nothing here is real and nothing is kept.</p>
      <p class="who">Signed in as ${escapeHtml(user.email)}</p>
      ${organizations.map(renderOrganization).join('\n      ')}`,
  )
}

/** Many of an organization's issues are there to be searched, not to be read. */
const SHOWN_ISSUES = 8

function renderOrganization({ name, slug, issues }: Organization): string {
  const items = issues
    .slice(0, SHOWN_ISSUES)
    .map(
      ({ id, shortId, title }) =>
        `<li><a href="/organizations/${slug}/issues/${id}/">${escapeHtml(shortId)}</a> ${escapeHtml(title)}</li>`,
    )
  const more = issues.length > SHOWN_ISSUES ? `<p>And ${issues.length - SHOWN_ISSUES} more.</p>` : ''
  return `<h2>${escapeHtml(name)}</h2><ul>${items.join('')}</ul>${more}`
}

/** The page of one issue, where links of the API lead to. */
export function renderIssuePage(issue: Issue): string {
  const { shortId, title, culprit, project, status, events } = issue
  const [newest] = events
  const frames = (newest?.exception?.frames ?? []).map(
    ({ filename, function: name, line }) => `${escapeHtml(name)} (${escapeHtml(filename)}:${line})`,
  )
  return renderPage(
    title,
    `<p>${escapeHtml(shortId)} in ${escapeHtml(project.name)}, ${status}, ${events.length} events</p>
      <p><code>${escapeHtml(culprit)}</code></p>
      <pre>${frames.join('\n')}</pre>
      <p><a href="/">All issues</a></p>`,
  )
}

/** The page that Sentry serves at every path that no view of its own has: the frame of its web application. */
export function renderApplicationPage(): string {
  return renderPage('Sentry', '<div id="blk_router"></div>')
}

function renderPage(title: string, content: string): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${escapeHtml(title)}</title>
    <style>
      :root { color-scheme: light dark; }
      body { font: 1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 3rem auto; padding: 0 1.25rem; }
      header { border-bottom: 3px solid #7553ff; padding-bottom: .5rem; margin-bottom: 1.5rem; }
      header small { display: block; opacity: .75; }
      h1 { font-size: 1.4rem; }
      li { margin: .25rem 0; }
      code, pre { font-size: .9em; }
      h1, li, pre { overflow-wrap: anywhere; }
      pre { white-space: pre-wrap; }
      .who { border-left: 3px solid #7553ff; padding-left: .75rem; }
      button { font: inherit; font-weight: 600; padding: .6rem 1.4rem; margin-right: .5rem; cursor: pointer;
        border: 1px solid #5b3fd6; border-radius: .4rem; background: #5b3fd6; color: #fff; }
      button.plain { background: transparent; color: inherit; border-color: currentcolor; }
    </style>
  </head>
  <body>
    <header><strong>Sandbox Sentry</strong><small>Not sentry.io: a stand-in on this machine</small></header>
    <main>
      <h1>${escapeHtml(title)}</h1>
      ${content}
    </main>
  </body>
</html>
`
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}
