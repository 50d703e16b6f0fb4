import { createInstallCommand } from './claude-plugin.ts'
import { type ClientSetup, createClientSetups } from './client-setup.ts'
import { type Html, html, renderInline } from './html.ts'
import { renderPage, type Site } from './layout.ts'
import type { SetUp } from './set-up.ts'

/** The page that says what this server is and how to connect a client. */
export function renderHomePage(setUp: SetUp, site: Site): string {
  const { baseUrl, connection, limit } = setUp
  const setups = createClientSetups(connection)
  return renderPage(site, {
    title: `${site.title}: connect an MCP client`,
    isWide: true,
    content: html`<h1>Connect your MCP client to ${site.title}</h1>
<p>This server lets an MCP client, such as a coding agent, work with Sentry at <strong>${site.sentryHost}</strong> for you. You sign in there yourself; the client gets only what you allow, and never more than your own permissions.</p>
<h2>Its address</h2>
<pre>${connection.url}</pre>
${limit === undefined ? html`` : html`<p>Limited to ${limit}. <a href="${site.home}">Remove the limit</a></p>`}
<p class="soft">A click selects the whole address, and so with each text below.</p>
${renderForm(setUp, site)}
<h2>Connect a client</h2>
<p class="row">${setups.map(renderInstall)}</p>
<div class="clients">
${setups.map(renderSetup)}</div>
<h2>Let a client read without asking you</h2>
<p>With <code>?readonly=1</code> at its end, an address gives only tools that change nothing. Two entries work beside each other: let the first one through, and have the client ask you before it uses the second.</p>
<pre>claude mcp add --transport http sentry-read "${baseUrl}/mcp?readonly=1"
claude mcp add --transport http sentry ${baseUrl}/mcp</pre>
<p><code>?skills=</code>, <code>?disable-skills=</code> and <code>?tools=</code> narrow it in other ways, with names separated by commas. None of them gives more than you allow when you sign in.</p>
${renderCompany(baseUrl)}
<h2>Take access back</h2>
<p>Under <a href="${site.account}">Your connected clients</a> you see every client that can use Sentry as you, and revoke its access.</p>
<p class="soft foot"><a href="${baseUrl}/llms.txt">This page for agents, as Markdown</a></p>`,
  })
}

function renderForm({ organization, project, isReadOnly, problem, limit }: SetUp, site: Site): Html {
  const invalid = (field: 'organization' | 'project') =>
    problem?.field === field ? html` aria-invalid="true" aria-describedby="problem"` : ''
  const isOpen = problem !== undefined || limit !== undefined
  return html`<details class="limit"${isOpen ? html` open` : ''}>
<summary>Limit it to an organization, a project, or to reading</summary>
<form method="get" action="${site.home}">
<div class="row">
<label>Organization<input name="organization" value="${organization}" placeholder="every organization" maxlength="100" autocomplete="off" autocapitalize="off" spellcheck="false"${invalid('organization')}></label>
<label>Project<input name="project" value="${project}" placeholder="every project" maxlength="100" autocomplete="off" autocapitalize="off" spellcheck="false"${invalid('project')}></label>
</div>
${problem === undefined ? html`` : html`<p class="warn" id="problem" role="alert">${problem.sentence}</p>`}
<label><input type="checkbox" name="readonly" value="1"${isReadOnly ? html` checked` : ''}><span>Only tools that change nothing</span></label>
<button>Show the address for this</button>
</form>
</details>`
}

function renderInstall({ name, install }: ClientSetup): Html {
  return install === undefined
    ? html``
    : html`<a class="button primary" href="${install}" rel="noreferrer">Add to ${name}</a>`
}

function renderSetup({ name, steps, snippet, afterwards }: ClientSetup): Html {
  return html`<details name="client">
<summary>${name}</summary>
<div>
<p>${renderInline(steps)}</p>
<pre>${snippet}</pre>
${
  afterwards === undefined
    ? html``
    : html`<p class="soft">${renderInline(afterwards)}</p>
`
}</div>
</details>
`
}

function renderCompany(baseUrl: string): Html {
  const command = createInstallCommand(baseUrl)
  if (command === undefined) return html``
  return html`<h2>Install it for a company</h2>
<p>This server is also a plugin marketplace of Claude Code. One command adds it and installs the plugin, which follows when this server changes:</p>
<pre>${command}</pre>`
}
