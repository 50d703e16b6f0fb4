import { renderWayBack, type WayBack } from './error-page.ts'
import { html } from './html.ts'
import { renderPage } from './layout.ts'

export interface NotAMember {
  /** The name of the account at Sentry, as its user knows it. */
  account: string
  sentryHost: string
  wayBack: WayBack | undefined
}

/**
 * The page for a user who is a member of no organization that this server is for. It names the account, since people
 * have several, and no organization, since everyone with an account at Sentry can see this page.
 */
export function renderNotAMemberPage({ account, sentryHost, wayBack }: NotAMember): string {
  return renderPage(
    'This account cannot use this server',
    html`<h1>This account cannot use this server</h1>
<p class="warn">The account with which you signed in is a member of no organization that this connection may reach. The client got no access.</p>
<dl>
<div><dt>Signed in at</dt><dd><strong>${sentryHost}</strong></dd></div>
<div><dt>As</dt><dd><bdi>${account}</bdi></dd></div>
</dl>
<h2>If you have another account there</h2>
<p>Sign out at ${sentryHost}, go back to your MCP client and start the sign-in again.</p>
<h2>If this is the right account</h2>
<p>Ask the operator of this server which organizations it is for, and an owner of one of them to invite you.</p>
${wayBack === undefined ? html`` : renderWayBack(wayBack)}`,
  )
}
