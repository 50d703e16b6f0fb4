import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import { loadMcpCore } from '../../../../lib/mcp/core/load.ts'
import { redactSecrets } from '../../../../lib/telemetry/redact.ts'
import { fetchUpstream } from '../../../../lib/upstream/tool-fetch.ts'
import { startMcp } from '../../../support/mcp-service.ts'

const core = await loadMcpCore()
const source = await readFile(fileURLToPath(import.meta.resolve('@sentry/mcp-core')), 'utf8')

test('the installed bundle has the parts that are removed and replaced', async (t) => {
  const [library = '', ...programs] = source.split('//#region src/index.ts')
  t.equal(programs.length, 1, 'one program, at the end')
  t.equal(source.match(/^import (\* as Sentry|\{ startStdio \}) from /gm)?.length, 2)
  t.match(library, /[^.\w]fetch\(/, 'requests are made with the global fetch')
  t.notMatch(
    library,
    /^import .* from "(node:)?(https?|http2|net|tls|undici|axios|node-fetch)"/m,
    'and only so',
  )
  t.notMatch(library, /\b(XMLHttpRequest|WebSocket|EventSource)\(/)
  for (const [, chunk = ''] of library.matchAll(
    /^import .* from "(\.\/(?:constants|blob-utils|config)[^"]+)"/gm,
  )) {
    const text = await readFile(new URL(chunk, import.meta.resolve('@sentry/mcp-core')), 'utf8')
    t.notMatch(text, /[^.\w]fetch\(|process\.env/, `${chunk}, which is not rewritten, needs neither`)
  }
})

test('the fetch of a tool is ours: outside of a call it refuses', async (t) => {
  const expected = { message: 'A request can only be made by a tool call.' }
  await t.rejects(fetchUpstream('http://127.0.0.1:9/'), expected)
  const context = {
    ...{
      accessToken: 'x',
      userId: '1',
      clientName: 'x',
      sentryHost: '127.0.0.1:9',
      mcpUrl: 'http://127.0.0.1:9',
    },
    ...({ sentryProtocol: 'http', transport: 'http', experimentalMode: false } as const),
    constraints: {},
    grantedSkills: new Set(['inspect']),
    availableToolNames: new Set(['whoami']),
    directToolNames: new Set(['whoami']),
    reportProgress() {},
    countAgentRun: async () => undefined,
    callTool: () => Promise.reject(new TypeError('No tool is called.')),
    describeError: String,
  }
  const whoami = core.tools.whoami
  t.ok(whoami)
  const error = await whoami?.handler({}, context).catch((reason: unknown) => reason)
  t.match(error, { message: /only be made by a tool call/ })
  t.match(
    await whoami?.handler({}, { ...context, availableToolNames: new Set() }).catch(String),
    /not available/,
  )
})

test('every handler of the loaded module refuses a caller that may not use its tool', async (t) => {
  for (const tool of Object.values(core.tools)) {
    const context = { availableToolNames: new Set<string>() }
    const call = async () => Reflect.apply(tool.handler, tool, [{}, context])
    await t.rejects(call(), { message: /is not available in this session\.$/ }, tool.name)
  }
})

test('two apps in one process keep the tokens and Sentrys of their calls apart', async (t) => {
  const [first, second] = [await startMcp(t), await startMcp(t)]
  const results = await Promise.all(
    Array.from({ length: 10 }, (_, index) => (index % 2 === 0 ? first : second).call('whoami')),
  )
  for (const result of results) t.match(result, { structuredContent: { user: { id: '1001' } } })
  for (const { sentry } of [first, second])
    t.equal(sentry.requests.filter(({ path }) => path === '/api/0/auth/').length, 5)
})

test('two apps in one process share the AI provider, the log of mcp-core and the secrets', async (t) => {
  const first = await startMcp(t, { settings: { OPENAI_API_KEY: 'key-of-the-first-app' } })
  const second = await startMcp(t, { settings: { OPENAI_API_KEY: 'key-of-the-second-app' } })
  t.equal(core.environment.OPENAI_API_KEY, 'key-of-the-second-app')
  t.equal(redactSecrets('key-of-the-first-app'), '[redacted]', 'a secret stays known')
  t.teardown(first.sentry.fail('/api/0/organizations/', { kind: 'status', status: 400, body: 'no JSON' }))
  await first.call('find_organizations')
  const fromMcpCore = (line: string) => line.includes('"category":"sentry.mcp')
  t.notOk(first.log.some(fromMcpCore))
  t.ok(second.log.some(fromMcpCore))
})
