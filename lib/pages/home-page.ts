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

/** The page that says what this server is and how to connect a client. */
export function renderHomePage({ mcpUrl, account, sentryHost }: Home): string {
  return renderPage(
    'Sentry MCP server',
    html`<h1>Sentry for your MCP client</h1>
<p>This server lets an MCP client, such as a coding agent, work with Sentry at <strong>${sentryHost}</strong> for you. You sign in there yourself; the client gets only what you allow, and never more than your own permissions.</p>
<p>Its address:</p>
<pre>${mcpUrl}</pre>
<h2>Connect a client</h2>
${createClientSetups(mcpUrl).map(renderSetup)}
<h2>Limit a client to an organization or project</h2>
<p>Add the slug of an organization, or of an organization and a project, to the address:</p>
<pre>${mcpUrl}/&lt;organization&gt;
${mcpUrl}/&lt;organization&gt;/&lt;project&gt;</pre>
<h2>Let a client only read</h2>
<p>With <code>?readonly=1</code> at its end, an address gives only tools that change nothing. Two entries work beside each other: let the first one through, and have the client ask you before it uses the second.</p>
<pre>claude mcp add --transport http sentry-read "${mcpUrl}?readonly=1"
claude mcp add --transport http sentry ${mcpUrl}</pre>
<p><code>?skills=</code>, <code>?disable-skills=</code> and <code>?tools=</code> narrow it in other ways, with names separated by commas. None of them gives more than you allow when you sign in.</p>
<h2>Manage connected clients</h2>
<p><a href="${account}">Your connected clients</a>: see them, and revoke their access.</p>`,
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
