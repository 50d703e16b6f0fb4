import { SKILLS } from '../model/skills.ts'
import type { GrantRecord } from '../store/store.ts'
import { describeLimit } from './consent-page.ts'
import { type Html, html } from './html.ts'
import { renderPage } from './layout.ts'

interface AccountForms {
  /** The URL of the page; its forms are posted to paths below it. */
  action: string
  csrfToken: string
  sentryHost: string
  /** The URL of the set-up page. */
  home: string
}

/** A connected client: what its user sees of its grant. */
export interface ConnectedClient
  extends Pick<
    GrantRecord,
    'id' | 'status' | 'clientName' | 'skills' | 'organizationId' | 'createdAt' | 'lastUsedAt'
  > {
  organization: string | undefined
  project: string | undefined
  isForSome: boolean
  upstream: Pick<GrantRecord['upstream'], 'expiresAt'>
}

export interface Account extends AccountForms {
  /** The user's name at Sentry. */
  user: string
  clients: ConnectedClient[]
}

/** The page that asks a user to sign in; it shows nothing about them. */
export function renderAccountSignInPage({
  action,
  csrfToken,
  pageId,
  sentryHost,
  home,
}: AccountForms & { pageId: string }): string {
  return renderPage(
    'Your connected clients',
    html`<h1>Your connected clients</h1>
<p>See which MCP clients can use Sentry as you, and revoke their access.</p>
<form method="post" action="${action}/sign-in">
<input type="hidden" name="page" value="${pageId}">
<input type="hidden" name="csrf" value="${csrfToken}">
<div class="actions"><button class="primary">Sign in at ${sentryHost}</button></div>
</form>
<p class="soft foot"><a href="${home}">How to connect a client</a></p>`,
  )
}

/** The page with a user's connected clients, each with a button that revokes its access. */
export function renderAccountPage(account: Account): string {
  const { action, csrfToken, sentryHost, home, user, clients } = account
  return renderPage(
    'Your connected clients',
    html`<h1>Your connected clients</h1>
<p class="soft">Signed in at ${sentryHost} as <bdi>${user}</bdi>.</p>
${clients.length === 0 ? html`<p>No client is connected. A client that you connect appears here.</p>` : renderClients(account)}
<form method="post" action="${action}/sign-out">
<input type="hidden" name="csrf" value="${csrfToken}">
<p class="soft foot"><a href="${home}">How to connect a client</a><button class="link">Sign out of this page</button></p>
</form>`,
  )
}

function renderClients({ action, csrfToken, clients }: Account): Html {
  return html`<p>Revoking takes effect here at once, and this server deletes the client's access at Sentry. A revoked client can ask for access again.</p>
<p class="soft">Most releases of Sentry cannot revoke such access before it ends. It then ends there at the time below, or when you remove this application at Sentry.</p>
<form method="post" action="${action}/revoke">
<input type="hidden" name="csrf" value="${csrfToken}">
${clients.map(renderClient)}
${clients.length > 1 ? html`<div class="actions"><button name="grant" value="all">Revoke all</button></div>` : html``}
</form>`
}

function renderClient(client: ConnectedClient): Html {
  const { id, clientName, status, skills, createdAt, lastUsedAt } = client
  const { expiresAt } = client.upstream
  return html`<section>
<h2><bdi>${clientName}</bdi></h2>
${status === 'sign_in_required' ? html`<p class="warn">Sentry no longer accepts its sign-in. Connect it again to use it.</p>` : html``}
<dl>
<div><dt>Reaches</dt><dd>${describeLimit(client)}${client.organizationId === undefined ? '' : ', in the one organization that Sentry allows'}</dd></div>
<div><dt>May</dt><dd>${describeSkills(skills)}</dd></div>
<div><dt>Connected</dt><dd>${renderTime(createdAt)}</dd></div>
<div><dt>Last used</dt><dd>${renderTime(lastUsedAt)}</dd></div>
<div><dt>Ends at Sentry</dt><dd>${expiresAt === undefined ? 'when you remove this application there' : renderTime(expiresAt)}</dd></div>
</dl>
<button name="grant" value="${id}" aria-label="Revoke ${clientName}">Revoke</button>
</section>
`
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

const TIME_FORMAT = new Intl.DateTimeFormat('en-GB', {
  dateStyle: 'medium',
  timeStyle: 'short',
  timeZone: 'UTC',
})

/** A time, readable for people and exact for programs. */
function renderTime(time: number): Html {
  return html`<time datetime="${new Date(time).toISOString()}">${TIME_FORMAT.format(time)} UTC</time>`
}
