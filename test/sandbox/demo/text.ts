import { styleText } from 'node:util'

/** What the demo prints; in colour on a terminal only. */

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

/** Prints how to connect an MCP client. */
export function writeConnectHelp(mcpUrl: string): void {
  const snippets: [string, string[]][] = [
    ['Claude Code', [`claude mcp add --transport http sentry ${mcpUrl}`, 'then /mcp inside it']],
    ['Codex', [`codex mcp add sentry --url ${mcpUrl}`, 'codex mcp login sentry']],
    ['Cursor', ['in ~/.cursor/mcp.json', `{"mcpServers":{"sentry":{"url":"${mcpUrl}"}}}`]],
    ['VS Code', ['in .vscode/mcp.json', `{"servers":{"sentry":{"type":"http","url":"${mcpUrl}"}}}`]],
    ['MCP Inspector', ['npx @modelcontextprotocol/inspector', `transport Streamable HTTP, URL ${mcpUrl}`]],
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
  writeLine('The Sentry behind it has made-up data, and nothing is kept. Ctrl+C ends both.')
}

function paint(style: 'bold' | 'dim' | 'green' | 'red' | 'cyan', text: string): string {
  return process.stdout.isTTY ? styleText(style, text) : text
}
