import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Lifetime } from '../support/lifetime.ts'
import type { ClientWork, Desktop } from './desktop.ts'

const PREFIX = 'mcp_sentry_'

/** Signs the Gemini CLI in at a terminal and has a scripted model call a tool. */
export async function driveGemini(
  t: Lifetime,
  desktop: Desktop,
  gemini: string,
  mcpUrl: string,
): Promise<ClientWork> {
  const model = await startGeminiModel(t, `${PREFIX}whoami`)
  const folder = join(desktop.home, '.gemini')
  mkdirSync(folder)
  const settings = {
    mcpServers: { sentry: { type: 'http', url: mcpUrl } },
    security: { auth: { selectedType: 'gemini-api-key' } },
  }
  writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings))
  writeFileSync(join(folder, 'trustedFolders.json'), JSON.stringify({ [desktop.home]: 'TRUST_FOLDER' }))
  Object.assign(desktop.env, { GEMINI_API_KEY: 'none', GOOGLE_GEMINI_BASE_URL: model.url })
  const question = ['[Y/n]', 'y\r'] as const
  // It ends with 1 even when it has signed in.
  await desktop.runAtTerminal([question], gemini, '--prompt', '/mcp auth sentry').catch(() => undefined)
  const approve = ['--approval-mode', 'yolo', '--model', 'gemini-2.5-flash']
  await desktop.run(gemini, ...approve, '--prompt', 'Who am I at Sentry?')
  return {
    tools: model.tools.filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length)),
    result: model.result,
  }
}

interface Request {
  tools?: { functionDeclarations?: { name: string }[] }[]
}

/** A model on loopback with Google's API that calls one tool. */
async function startGeminiModel(t: Lifetime, tool: string) {
  const model = { url: '', tools: [] as string[], result: undefined as unknown }
  const server = createServer(async (request, response) => {
    const body = await text(request)
    if (!request.url?.includes(':streamGenerateContent')) {
      response.writeHead(404).end()
      return
    }
    const parsed = JSON.parse(body) as Request
    const hasResult = body.includes('"functionResponse"')
    if (hasResult) model.result = parsed
    model.tools = (parsed.tools ?? []).flatMap(({ functionDeclarations = [] }) =>
      functionDeclarations.map(({ name }) => name),
    )
    const part = hasResult ? { text: 'Done.' } : { functionCall: { name: tool, args: {} } }
    const candidate = { content: { role: 'model', parts: [part] }, finishReason: 'STOP', index: 0 }
    response.setHeader('content-type', 'text/event-stream')
    response.end(`data: ${JSON.stringify({ candidates: [candidate] })}\n\n`)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  model.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return model
}
