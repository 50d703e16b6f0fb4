import { type Html, html } from './html.ts'

/** How to connect an MCP client. */
export interface ClientSetup {
  name: string
  /** What to do; shown before the snippet. */
  steps: Html
  /** A command to run, or the content of a file. */
  snippet?: string
  /** A note; shown after the snippet. */
  afterwards?: Html
  /** A deep link that the client opens. */
  install?: string
}

/** How to connect the common MCP clients to the endpoint at `mcpUrl`. */
export function createClientSetups(mcpUrl: string): ClientSetup[] {
  return [
    {
      name: 'Claude Code',
      steps: html`Run this, start Claude Code, and sign in with <code>/mcp</code>:`,
      snippet: `claude mcp add --transport http sentry ${mcpUrl}`,
    },
    {
      name: 'Claude.ai and Claude Desktop',
      steps: html`Under <em>Settings → Connectors → Add custom connector</em>, enter this address:`,
      snippet: mcpUrl,
      afterwards: html`Anthropic's servers connect to it, for the desktop app too, so this address must be reachable from the internet. If it is not, use mcp-remote, below.`,
    },
    {
      name: 'Cursor',
      steps: html`Or put this into <code>~/.cursor/mcp.json</code>:`,
      snippet: formatJson({ mcpServers: { sentry: { url: mcpUrl } } }),
      install: createCursorLink(mcpUrl),
    },
    {
      name: 'VS Code',
      steps: html`Or put this into <code>.vscode/mcp.json</code>:`,
      snippet: formatJson({ servers: { sentry: { type: 'http', url: mcpUrl } } }),
      install: createVsCodeLink(mcpUrl),
    },
    {
      name: 'Codex',
      steps: html`Run this:`,
      snippet: `codex mcp add sentry --url ${mcpUrl}\ncodex mcp login sentry`,
    },
    {
      name: 'Gemini CLI',
      steps: html`Run this, start Gemini, and sign in with <code>/mcp auth sentry</code>:`,
      snippet: `gemini mcp add --transport http sentry ${mcpUrl}`,
    },
    {
      name: 'Zed',
      steps: html`Put this into <code>settings.json</code>:`,
      snippet: formatJson({ context_servers: { sentry: { url: mcpUrl } } }),
    },
    {
      name: 'Windsurf',
      steps: html`Put this into <code>~/.codeium/windsurf/mcp_config.json</code>:`,
      snippet: formatJson({ mcpServers: { sentry: { serverUrl: mcpUrl } } }),
    },
    {
      name: 'Any other, with mcp-remote',
      steps: html`For a client that only starts local programs, put this into its MCP settings. It needs Node.js:`,
      snippet: formatJson({ mcpServers: { sentry: { command: 'npx', args: ['-y', 'mcp-remote', mcpUrl] } } }),
    },
  ]
}

/** The deep link that installs a server in Cursor: its configuration as JSON in Base64. */
function createCursorLink(url: string): string {
  const config = Buffer.from(JSON.stringify({ url })).toString('base64')
  return `cursor://anysphere.cursor-deeplink/mcp/install?name=sentry&config=${encodeURIComponent(config)}`
}

/** The deep link that installs a server in VS Code: its configuration as JSON. */
function createVsCodeLink(url: string): string {
  return `vscode:mcp/install?${encodeURIComponent(JSON.stringify({ name: 'sentry', type: 'http', url }))}`
}

function formatJson(value: object): string {
  return JSON.stringify(value, undefined, 2)
}
