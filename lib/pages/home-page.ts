import { type ClientSetup, createClientSetups } from './client-setup.ts'
import { type Html, html } from './html.ts'
import { renderPage } from './layout.ts'

export interface Home {
  /** The URL of the MCP endpoint. */
  mcpUrl: string
  /** The URL of the account page. */
  account: string
  sentryHost: string
}

/** Tells people what this server is and how they connect their client to it. */
export function renderHomePage({ mcpUrl, account, sentryHost }: Home): string {
  return renderPage(
    'Sentry MCP server',
    html`<h1>Sentry for your MCP client</h1>
<p>This server lets an MCP client, such as a coding agent, work with the Sentry at <strong>${sentryHost}</strong> for you. You sign in there yourself; the client never gets more than your own permissions, and only what you allow it.</p>
<p>Its address is</p>
<pre>${mcpUrl}</pre>
<h2>Connect a client</h2>
${createClientSetups(mcpUrl).map(renderSetup)}
<h2>Limit what it reaches</h2>
<p>Add an organization, or an organization and a project, by the names that Sentry's own addresses have for them:</p>
<pre>${mcpUrl}/&lt;organization&gt;
${mcpUrl}/&lt;organization&gt;/&lt;project&gt;</pre>
<h2>See what is connected</h2>
<p><a href="${account}">Your connected clients</a>, to see and to revoke.</p>`,
  )
}

function renderSetup({ name, steps, snippet, afterwards, install }: ClientSetup): Html {
  return html`<details>
<summary>${name}</summary>
${
  install === undefined
    ? html``
    : html`<p><a class="button" href="${install}">Install in ${name}</a></p>
`
}<p>${steps}</p>
${
  snippet === undefined
    ? html``
    : html`<pre>${snippet}</pre>
`
}${
  afterwards === undefined
    ? html``
    : html`<p class="soft">${afterwards}</p>
`
}</details>
`
}
