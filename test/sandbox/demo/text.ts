import { styleText } from 'node:util'

/** What the demo prints. */

const LABEL_WIDTH = 32

/** pino's numbers */
const LEVELS: Record<number, string> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' }

export function writeLine(line = ''): void {
  process.stdout.write(`${line}\n`)
}

export function writeHeading(text: string): void {
  writeLine(paint('bold', text))
  writeLine()
}

export function writeStep(step: string, detail: string): void {
  writeLine(`  ${paint('green', 'ok')}  ${step.padEnd(LABEL_WIDTH)}${paint('dim', detail)}`)
}

export function writeFailure(step: string, problem: string, log: readonly string[]): void {
  writeLine(`  ${paint('red', 'no')}  ${step.padEnd(LABEL_WIDTH)}${problem}`)
  if (log.length === 0) return
  writeLine()
  writeLine('The last lines of the log:')
  for (const line of log) writeLog(line)
}

/** Prints a line of the service's log, JSON as pino writes it, without stack traces, pid and hostname. */
export function writeLog(line: string): void {
  if (!/^\s+at /.test(line)) writeLine(paint('dim', `      ${describeLogLine(line)}`))
}

function describeLogLine(line: string): string {
  let entry: Record<string, unknown>
  try {
    entry = JSON.parse(line) as Record<string, unknown>
  } catch {
    return line
  }
  const { level, time, msg, err, pid: _pid, hostname: _hostname, ...details } = entry
  const at = typeof time === 'number' ? new Date(time).toTimeString().slice(0, 8) : ''
  const error = (err as { message?: unknown } | undefined)?.message
  const texts = [at, LEVELS[Number(level)] ?? '', msg, error === undefined ? '' : `(${error})`]
  const rest = Object.keys(details).length === 0 ? '' : JSON.stringify(details)
  return [...texts, rest].filter((text) => text !== '' && text !== undefined).join(' ')
}

/** Prints what a line of the service's log means to a person, if it is about a sign-in or a call. */
export function writeActivity(line: string): void {
  const text = describeActivity(line)
  if (text === undefined) return
  const time = new Date().toTimeString().slice(0, 8)
  writeLine(`  ${paint('dim', time)}  ${text}`)
}

function describeActivity(line: string): string | undefined {
  let entry: Record<string, unknown>
  try {
    entry = JSON.parse(line) as Record<string, unknown>
  } catch {
    return undefined
  }
  const client = String(entry.client_name ?? 'A client')
  if (entry.msg === 'tool call')
    return `${client} called ${entry.tool}: ${entry.outcome}, ${entry.duration_ms ?? 0} ms`
  switch (entry.event) {
    case 'client_registered':
      return `${client} registered`
    case 'consent_denied':
      return `${client} was denied`
    case 'grant_activated':
      return `${client} signed in`
    case 'account_signed_in':
      return 'The account page was opened'
    case 'grant_revoked':
      return 'A client was disconnected'
    default:
      return Number(entry.level) >= 40 ? describeLogLine(line) : undefined
  }
}

/** Prints how to connect an MCP client, and what there is to look at. */
export function writeConnectHelp(url: string, sentryUrl: string): void {
  const mcpUrl = `${url}/mcp`
  const snippets: [string, string[]][] = [
    ['Claude Code', [`claude mcp add --transport http sentry ${mcpUrl}`, 'then /mcp inside it']],
    ['Codex', [`codex mcp add sentry --url ${mcpUrl}`, 'which opens the sign-in']],
    ['Cursor', ['in ~/.cursor/mcp.json', `{"mcpServers":{"sentry":{"url":"${mcpUrl}"}}}`]],
    ['VS Code', ['in .vscode/mcp.json', `{"servers":{"sentry":{"type":"http","url":"${mcpUrl}"}}}`]],
    [
      'MCP Inspector',
      [
        'npx @modelcontextprotocol/inspector@latest, on Node 22 or newer',
        `transport Streamable HTTP, URL ${mcpUrl}`,
      ],
    ],
  ]
  writeLine()
  writeLine(paint('bold', 'All of it works. Connect your own client to'))
  writeLine(`  ${paint('cyan', mcpUrl)}`)
  writeLine()
  for (const [client, lines] of snippets) {
    const [first = '', ...others] = lines
    writeLine(`  ${client.padEnd(15)}${first}`)
    for (const line of others) writeLine(`  ${' '.repeat(15)}${line}`)
  }
  writeLine()
  writeLine(paint('bold', 'Open in a browser'))
  for (const [address, what] of [
    [`${url}/`, 'how to connect each client'],
    [`${url}/account`, 'the clients you have connected'],
    [`${sentryUrl}/`, 'the Sentry behind it, with made-up data'],
  ])
    writeLine(`  ${paint('cyan', (address ?? '').padEnd(LABEL_WIDTH))}${what}`)
  writeLine()
  writeLine('Then ask your agent: "What is wrong with STOREFRONT-1 in tidewater-books?"')
  writeLine()
  writeLine('Nothing is kept. Ctrl+C ends both. From here on, a line for each sign-in and call:')
}

/** With colour on a terminal, and where FORCE_COLOR asks for it. */
function paint(style: 'bold' | 'dim' | 'green' | 'red' | 'cyan', text: string): string {
  return styleText(style, text, { stream: process.stdout })
}
