import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Lifetime } from '../support/lifetime.ts'
import { CLIENT_TIMEOUT_MS, type ClientWork, type Desktop } from './desktop.ts'

/** A model that cannot be reached: the test needs none. */
const MODEL = {
  model_provider: 'none',
  'model_providers.none.name': 'none',
  'model_providers.none.base_url': 'http://127.0.0.1:9',
}

/** Signs Codex in and has its app server, which editors use, list the tools and call one. */
export async function driveCodex(
  t: Lifetime,
  desktop: Desktop,
  codex: string,
  mcpUrl: string,
): Promise<ClientWork> {
  await desktop.run(codex, 'mcp', 'add', 'sentry', '--url', mcpUrl)
  const call = openAppServer(t, desktop, codex)
  await call('initialize', { clientInfo: { name: 'sentry-mcp-test', version: '1.0.0' } })
  const { data } = await call<{ data: { tools: object }[] }>('mcpServerStatus/list', {})
  const { thread } = await call<{ thread: { id: string } }>('thread/start', {})
  const question = { threadId: thread.id, server: 'sentry', tool: 'whoami', arguments: {} }
  return {
    tools: data.flatMap(({ tools }) => Object.keys(tools)),
    result: await call('mcpServer/tool/call', question),
  }
}

type Call = <Result>(method: string, params: object) => Promise<Result>

/** Starts the app server; it speaks JSON-RPC, one message a line. */
function openAppServer(t: Lifetime, desktop: Desktop, codex: string): Call {
  const settings = Object.entries(MODEL).flatMap(([name, value]) => ['-c', `${name}="${value}"`])
  const { home: cwd, env } = desktop
  const child = spawn(codex, ['app-server', ...settings], { cwd, env, stdio: ['pipe', 'pipe', 'ignore'] })
  t.teardown(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })
  let lastId = 0

  return <Result>(method: string, params: object) => {
    lastId += 1
    const id = lastId
    const { promise, resolve, reject } = Promise.withResolvers<Result>()
    const timer = setTimeout(() => reject(new Error(`${method} got no response.`)), CLIENT_TIMEOUT_MS)
    function readLine(line: string) {
      const message = JSON.parse(line)
      if (message.id !== id || message.method !== undefined) return
      if (message.error === undefined) resolve(message.result)
      else reject(new Error(`${method}: ${message.error.message}`))
    }
    lines.on('line', readLine)
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`)
    return promise.finally(() => {
      clearTimeout(timer)
      lines.off('line', readLine)
    })
  }
}
