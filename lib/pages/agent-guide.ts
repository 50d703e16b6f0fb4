import { createInstallCommand } from './claude-plugin.ts'
import { type ClientSetup, createClientSetups } from './client-setup.ts'
import type { Site } from './layout.ts'
import type { SetUp } from './set-up.ts'

/** The set-up page for agents: Markdown, in the form of https://llmstxt.org. */
export function renderAgentGuide({ baseUrl, connection }: SetUp, site: Site): string {
  const mcpUrl = `${baseUrl}/mcp`
  return `# ${escapeMarkdown(site.title)} MCP server

> Lets an MCP client work with Sentry at ${site.sentryHost} as its user, within the user's own permissions and the skills that the user allows.

- Address: ${connection.url}
- Transport: Streamable HTTP, every MCP revision from 2024-11-05 to 2026-07-28
- Sign-in: OAuth 2.1 with PKCE, in the user's browser. The client registers itself. A request without a token gets 401 and \`WWW-Authenticate\` with the URL of the metadata
- Metadata: ${baseUrl}/.well-known/oauth-protected-resource/mcp

An agent can run the commands below for its user. The user has to be at the browser to sign in: ask before you start that.

## Limits

- \`${mcpUrl}/<organization>\` and \`${mcpUrl}/<organization>/<project>\` reach only that part of Sentry. The names are slugs.
- \`?readonly=1\` gives only tools that change nothing; \`?skills=\`, \`?disable-skills=\` and \`?tools=\` narrow it in other ways.
- The user sees and revokes connected clients at ${site.account}.

## Clients

${createClientSetups(connection).map(renderSetup).join('\n')}${renderCompany(baseUrl)}`
}

function renderSetup({ name, steps, snippet, afterwards, install }: ClientSetup): string {
  const lines = [`### ${name}`, '', steps, '', '```', snippet, '```', '']
  if (afterwards !== undefined) lines.push(afterwards, '')
  if (install !== undefined) lines.push(`Link for the user: <${install}>`, '')
  return lines.join('\n')
}

function renderCompany(baseUrl: string): string {
  const command = createInstallCommand(baseUrl)
  if (command === undefined) return ''
  return `
### Claude Code, for a company

This server is a plugin marketplace. One command adds it and installs the plugin:

\`\`\`
${command}
\`\`\`
`
}

/** An operator's title, as text. */
function escapeMarkdown(text: string): string {
  return text.replaceAll(/[\\`*_[\]<>#]/g, '\\$&')
}
