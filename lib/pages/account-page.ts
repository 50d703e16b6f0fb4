import { splitRedirectUri } from '../model/redirect-uri.ts'
import { SKILLS } from '../model/skills.ts'
import type { GrantRecord } from '../store/store.ts'
import { type Html, html } from './html.ts'
import { renderPage, type Site } from './layout.ts'
import { describeLimit } from './set-up.ts'

/** The program behind a client: where its metadata document is, or the redirect URIs that it registered. */
export type Program = { documentUrl: string } | { redirectUris: readonly string[] }

/** A connected client: what its user sees of its grant. */
export interface ConnectedClient
  extends Pick<
    GrantRecord,
    'id' | 'status' | 'clientName' | 'skills' | 'browser' | 'organizationId' | 'createdAt' | 'lastUsedAt'
  > {
  organization: string | undefined
  project: string | undefined
  /** Undefined if this server no longer knows the client. */
  program: Program | undefined
  upstream: Pick<GrantRecord['upstream'], 'expiresAt'>
}

export interface Account {
  csrfToken: string
  /** The user's name at Sentry. */
  user: string
  clients: readonly ConnectedClient[]
  /** Whether the user has just revoked something. */
  hasRevoked: boolean
}

/** What a user is about to revoke. */
export interface Revocation {
  csrfToken: string
  /** The id of a grant, or `all`. */
  grant: string
  clients: readonly ConnectedClient[]
}

const TITLE = 'Your connected clients'

/** The page that asks a user to sign in; it shows nothing about them. */
export function renderAccountSignInPage(
  { csrfToken, pageId }: { csrfToken: string; pageId: string },
  site: Site,
): string {
  return renderPage(site, {
    title: TITLE,
    content: html`<h1>${TITLE}</h1>
<p>See which MCP clients can use Sentry as you, and revoke their access.</p>
<form method="post" action="${site.account}/sign-in">
<input type="hidden" name="page" value="${pageId}">
<input type="hidden" name="csrf" value="${csrfToken}">
<div class="actions"><button class="primary">Sign in at ${site.sentryHost}</button></div>
</form>`,
  })
}

/** The page with a user's connected clients, each with a button that leads to revoking its access. */
export function renderAccountPage(account: Account, site: Site): string {
  const { csrfToken, user, clients, hasRevoked } = account
  return renderPage(site, {
    title: TITLE,
    content: html`<h1>${TITLE}</h1>
${hasRevoked ? html`<p class="done" role="status">The access was revoked.</p>` : html``}
<p class="soft">Signed in at ${site.sentryHost} as <bdi>${user}</bdi>.</p>
${clients.length === 0 ? html`<p>No client is connected. A client that you connect appears here.</p>` : renderClients(account, site)}
<form method="post" action="${site.account}/sign-out">
<input type="hidden" name="csrf" value="${csrfToken}">
<p class="soft foot"><button class="link">Sign out of this page</button></p>
</form>`,
  })
}

function renderClients({ csrfToken, clients }: Account, site: Site): Html {
  return html`<form method="post" action="${site.account}/revoke">
<input type="hidden" name="csrf" value="${csrfToken}">
${clients.map((client) => renderClient(client, site))}
${clients.length > 1 ? html`<div class="actions"><button name="grant" value="all">Revoke all …</button></div>` : html``}
</form>`
}

function renderClient(client: ConnectedClient, site: Site): Html {
  const { id, clientName, status, skills, createdAt } = client
  return html`<section>
<h2><bdi>${clientName}</bdi></h2>
${status === 'sign_in_required' ? html`<p class="warn">Sentry no longer accepts its sign-in. Connect it again to use it.</p>` : html``}
<dl>
${renderIdentity(client)}
<div><dt>Reaches</dt><dd>${describeLimit(client, site)}${client.organizationId === undefined ? '' : ', in the one organization that Sentry allows'}</dd></div>
<div><dt>May</dt><dd>${describeSkills(skills)}</dd></div>
${renderEnd(client)}
</dl>
<button name="grant" value="${id}" aria-label="Revoke ${clientName}, connected ${TIME_FORMAT.format(createdAt)} …">Revoke …</button>
</section>
`
}

/** What tells one entry from another of the same client. */
function renderIdentity({ program, browser, createdAt, lastUsedAt }: ConnectedClient): Html {
  return html`<div><dt>Program</dt><dd>${describeProgram(program)}</dd></div>
<div><dt>Connected</dt><dd>${renderTime(createdAt)}${browser === undefined ? '' : html`, with ${browser}`}</dd></div>
<div><dt>Last used</dt><dd>${renderTime(lastUsedAt)}</dd></div>`
}

/** When Sentry's own access ends, if nothing revokes it before. */
function renderEnd({ upstream: { expiresAt } }: ConnectedClient): Html {
  return html`<div><dt>Ends at Sentry</dt><dd>${expiresAt === undefined ? 'when you remove this application there' : renderTime(expiresAt)}</dd></div>`
}

function describeProgram(program: Program | undefined): Html {
  if (program === undefined) return html`unknown: this server no longer knows the client`
  if ('documentUrl' in program) return html`described at ${renderHost(program.documentUrl)}`
  const remote = program.redirectUris.filter((uri) => !splitRedirectUri(uri).isLocal)
  if (remote.length < program.redirectUris.length) return html`on a computer`
  return html`at ${remote.slice(0, 1).map(renderHost)}`
}

function renderHost(uri: string): Html {
  return html`<strong>${splitRedirectUri(uri).host}</strong>`
}

/** The page that asks a user before anything is revoked. */
export function renderRevocationPage({ csrfToken, grant, clients }: Revocation, site: Site): string {
  const [client] = clients
  const isOne = clients.length === 1 && client !== undefined
  return renderPage(site, {
    title: 'Revoke access?',
    content: html`<h1>${isOne ? 'Revoke the access of this client?' : `Revoke the access of ${clients.length} clients?`}</h1>
${clients.map(
  (one) => html`<section>
<h2><bdi>${one.clientName}</bdi></h2>
<dl>
${renderIdentity(one)}
${renderEnd(one)}
</dl>
</section>
`,
)}
<p>This takes effect here at once, and this server deletes the access at Sentry. A revoked client can ask for access again.</p>
<p class="soft">Most releases of Sentry cannot revoke such access before it ends. It then ends there at the time above, or when you remove this application at Sentry.</p>
<form method="post" action="${site.account}/revoke">
<input type="hidden" name="csrf" value="${csrfToken}">
<input type="hidden" name="grant" value="${grant}">
<div class="actions"><a class="button" href="${site.account}">Keep it</a><button class="primary" name="confirmed" value="yes">${isOne ? 'Revoke' : 'Revoke all'}</button></div>
</form>`,
  })
}

function describeSkills(skills: readonly string[]): string {
  const titles = Object.entries(SKILLS).flatMap(([skill, { title }]) =>
    skills.includes(skill) ? [title] : [],
  )
  return titles.map((title, place) => (place === 0 ? title : lowerFirst(title))).join('; ')
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

/** To the second, so that two sign-ins of one minute can be told apart. */
const TIME_FORMAT = new Intl.DateTimeFormat('en-GB', {
  dateStyle: 'medium',
  timeStyle: 'medium',
  timeZone: 'UTC',
})

/** A time, readable for people and exact for programs. */
function renderTime(time: number): Html {
  return html`<time datetime="${new Date(time).toISOString()}">${TIME_FORMAT.format(time)} UTC</time>`
}
