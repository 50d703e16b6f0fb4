import { isIP } from 'node:net'
import { PUBLIC_NETWORK } from '../net/network.ts'

/** How to connect an MCP client. Texts are one line of Markdown: `code` and *menus* are all that they use. */
export interface ClientSetup {
  name: string
  /** What to do; shown before the snippet. */
  steps: string
  /** A command to run, the content of a file, or a value to enter. */
  snippet: string
  /** A note; shown after the snippet. */
  afterwards?: string
  /** A link that has the client, or the web site of its vendor, add the server. */
  install?: string
}

/** The connection that a user wants to set up. */
export interface Connection {
  /** The name of the server in the client. */
  name: string
  /** The address, with what narrows it. */
  url: string
}

/** How to connect the common MCP clients. A client that cannot reach the address is left out. */
export function createClientSetups({ name, url }: Connection): ClientSetup[] {
  const argument = quoteArgument(url)
  const isPublic = isPublicAddress(url)
  const viaRemote = formatJson({
    mcpServers: { [name]: { command: 'npx', args: ['-y', 'mcp-remote', url] } },
  })
  return [
    {
      name: 'Claude Code',
      steps: `Run this, then sign in with \`/mcp\` inside Claude Code or with \`claude mcp login ${name}\`:`,
      snippet: `claude mcp add --transport http ${name} ${argument}`,
    },
    isPublic
      ? {
          name: 'Claude Desktop',
          steps: 'Under *Customize → Connectors → + → Add custom connector*, enter this address:',
          snippet: url,
          afterwards: FROM_CLOUD,
        }
      : {
          name: 'Claude Desktop',
          steps:
            'Under *Settings → Developer → Edit Config*, put this into `claude_desktop_config.json`. It needs Node.js:',
          snippet: viaRemote,
        },
    ...(isPublic ? createWebSetups({ name, url }) : []),
    {
      name: 'Cursor',
      steps: 'Put this into `~/.cursor/mcp.json`:',
      snippet: formatJson({ mcpServers: { [name]: { url } } }),
      install: createCursorLink(name, url),
    },
    {
      name: 'VS Code',
      steps: 'Put this into `.vscode/mcp.json`:',
      snippet: formatJson({ servers: { [name]: { type: 'http', url } } }),
      install: createVsCodeLink(name, url),
    },
    {
      name: 'Codex',
      steps: 'Run this; it opens the sign-in:',
      snippet: `codex mcp add ${name} --url ${argument}`,
      afterwards: `To sign in again later: \`codex mcp login ${name}\`.`,
    },
    {
      name: 'Gemini CLI',
      steps: `Run this, start Gemini, and sign in with \`/mcp auth ${name}\`:`,
      snippet: `gemini mcp add --transport http ${name} ${argument}`,
    },
    {
      name: 'Zed',
      steps: 'Put this into `settings.json`:',
      snippet: formatJson({ context_servers: { [name]: { url } } }),
    },
    {
      name: 'Windsurf',
      steps: 'Put this into `~/.codeium/windsurf/mcp_config.json`:',
      snippet: formatJson({ mcpServers: { [name]: { serverUrl: url } } }),
    },
    {
      name: 'opencode',
      steps: `Put this into \`~/.config/opencode/opencode.json\`, and sign in with \`opencode mcp auth ${name}\`:`,
      snippet: formatJson({
        $schema: 'https://opencode.ai/config.json',
        mcp: { [name]: { type: 'remote', url } },
      }),
    },
    {
      name: 'Copilot CLI',
      steps: 'Run this, start Copilot, and sign in with `/mcp`:',
      snippet: `copilot mcp add --transport http ${name} ${argument}`,
    },
    {
      name: 'JetBrains AI Assistant',
      steps:
        'Under *Settings → Tools → AI Assistant → Model Context Protocol (MCP) → Add*, enter this as JSON. It needs Node.js:',
      snippet: viaRemote,
    },
    {
      name: 'Cline',
      steps: 'Under *MCP Servers → Configure → Configure MCP Servers*, put this into the file:',
      snippet: formatJson({ mcpServers: { [name]: { type: 'streamableHttp', url } } }),
    },
    {
      name: 'Goose',
      steps:
        'Run `goose configure`, choose *Add Extension → Remote Extension (Streamable HTTP)*, and enter this:',
      snippet: url,
      install: createGooseLink(name, url),
    },
    {
      name: 'Warp',
      steps: 'Under *Settings → Agents → MCP servers → Add*, enter this:',
      snippet: formatJson({ mcpServers: { [name]: { url } } }),
    },
    {
      name: 'Amp',
      steps: 'Run this; the sign-in opens when Amp starts:',
      snippet: `amp mcp add ${name} ${argument}`,
    },
    {
      name: 'Another client',
      steps: `A client that connects to servers by address needs only the address above. For one that only starts local programs, put this into its MCP settings. It needs Node.js:`,
      snippet: viaRemote,
    },
  ]
}

const FROM_CLOUD =
  'Anthropic’s servers connect to this address, for the desktop app too, so it has to be reachable from the internet. If it is not, use *Another client* below.'

/** The clients that connect from their vendor's network. */
function createWebSetups({ name, url }: Connection): ClientSetup[] {
  return [
    {
      name: 'claude.ai',
      steps: 'Under *Customize → Connectors → + → Add custom connector*, enter this address:',
      snippet: url,
      afterwards: FROM_CLOUD,
      install: createClaudeLink(name, url),
    },
    {
      name: 'ChatGPT',
      steps:
        'Under *Settings → Apps → Advanced settings*, turn *Developer mode* on. Then choose *Create app*, select *OAuth*, and enter this address:',
      snippet: url,
      afterwards: 'OpenAI’s servers connect to this address, so it has to be reachable from the internet.',
    },
  ]
}

/**
 * Whether an address can be one that the internet reaches, by its spelling: https, and not a name or an address that
 * exists in a private network alone (RFC 6761, RFC 6762, RFC 8375, RFC 1918).
 */
export function isPublicAddress(address: string): boolean {
  const { protocol, hostname } = new URL(address)
  if (protocol !== 'https:') return false
  const host = hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0) return PUBLIC_NETWORK.isAllowedAddress(host)
  return (
    host.includes('.') && !/\.(?:localhost|local|internal|intranet|lan|corp|home|home\.arpa|test)$/.test(host)
  )
}

/** The link that installs a server in Cursor: its configuration as JSON in Base64 (cursor.com/docs/mcp/install-links). */
function createCursorLink(name: string, url: string): string {
  const config = Buffer.from(JSON.stringify({ url })).toString('base64')
  return `cursor://anysphere.cursor-deeplink/mcp/install?name=${name}&config=${encodeURIComponent(config)}`
}

/** The link that installs a server in VS Code: its configuration as JSON (code.visualstudio.com/api/extension-guides/ai/mcp). */
function createVsCodeLink(name: string, url: string): string {
  return `vscode:mcp/install?${encodeURIComponent(JSON.stringify({ name, type: 'http', url }))}`
}

/** The link that installs an extension in Goose (goose documentation, "Using Extensions", "Deeplinks"). */
function createGooseLink(name: string, url: string): string {
  const parameters = { url, type: 'streamable_http', timeout: '300', id: name, name, description: 'Sentry' }
  // Goose wants %20 for a space.
  return `goose://extension?${new URLSearchParams(parameters).toString().replaceAll('+', '%20')}`
}

/** The link that opens the dialog of claude.ai with the fields filled in. */
function createClaudeLink(name: string, url: string): string {
  const parameters = { modal: 'add-custom-connector', connectorName: name, connectorUrl: url }
  return `https://claude.ai/customize/connectors?${new URLSearchParams(parameters)}`
}

/** An address for a shell: zsh would take the question mark of a query for a pattern. */
function quoteArgument(url: string): string {
  return url.includes('?') ? `"${url}"` : url
}

function formatJson(value: object): string {
  return JSON.stringify(value, undefined, 2)
}
