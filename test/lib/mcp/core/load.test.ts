import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { test } from 'tap'
import { configureAgentProvider } from '../../../../lib/mcp/core/agent-provider.ts'
import { includeAliases, loadMcpCore, McpCoreShapeError, toLibrary } from '../../../../lib/mcp/core/load.ts'
import { SKILLS } from '../../../../lib/model/skills.ts'
import { createSettings } from '../../../support/mcp-service.ts'

const LOADER = new URL('../../../../lib/mcp/core/load.ts', import.meta.url).href

const run = promisify(execFile)

test('loading mcp-core starts no program, prints nothing and adds no listeners', async (t) => {
  const { stdout, stderr } = await runInProcess(`
    const count = () => ['SIGTERM', 'SIGINT', 'uncaughtException', 'unhandledRejection']
      .reduce((sum, name) => sum + process.listenerCount(name), 0)
    const before = count()
    const core = await loadMcpCore()
    console.log(JSON.stringify({
      tools: Object.keys(core.tools).length,
      listeners: count() - before,
      again: core === await loadMcpCore(),
    }))
  `)
  t.equal(stderr, '')
  t.same(JSON.parse(stdout), { tools: 56, listeners: 0, again: true })
})

test('mcp-core reports nothing to Sentry’s project: the SDK for that is not loaded', async (t) => {
  const { stdout } = await runInProcess(`
    const loaded = []
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
    await loadMcpCore()
    const require = createRequire(import.meta.resolve('@sentry/mcp-core'))
    const { getClient, getGlobalScope } = require('@sentry/core')
    console.log(JSON.stringify({
      reporting: loaded.filter((url) => /@sentry.(node|node-core|opentelemetry)\\b/.test(url)),
      clients: [getClient(), getGlobalScope().getClient()].filter(Boolean).length,
    }))
  `)
  t.same(JSON.parse(stdout), { reporting: [], clients: 0 })
})

test('a package of another shape is refused', async (t) => {
  for (const source of ['', 'export const tools = {}', '//#region src/index.ts\nmain()']) {
    t.throws(() => toLibrary(source), new McpCoreShapeError())
  }
  t.match(
    new McpCoreShapeError().message,
    /^@sentry\/mcp-core is not built as version 0\.39\.0 is; [^.]+\.json[^.]+\.$/,
  )
})

test('the skills of the consent page are mcp-core’s that are not deprecated', async (t) => {
  const core = await loadMcpCore()
  const active = Object.values(core.SKILLS).filter(({ deprecated }) => !deprecated)
  t.same(
    Object.keys(SKILLS),
    active.map(({ id }) => id),
  )
})

test('mcp-core reads the AI provider from the settings, not from the environment', async (t) => {
  const core = await loadMcpCore()
  t.teardown(() => configureAgentProvider(core, createSettings('sentry.example.com')))
  process.env.OPENAI_API_KEY = 'sk-of-the-environment'
  t.teardown(() => delete process.env.OPENAI_API_KEY)
  t.equal(configureAgentProvider(core, createSettings('sentry.example.com')), false)
  for (const [key, provider] of [
    ['OPENAI_API_KEY', 'openai'],
    ['ANTHROPIC_API_KEY', 'anthropic'],
    ['OPENROUTER_API_KEY', 'openrouter'],
  ] as const) {
    t.equal(
      configureAgentProvider(core, createSettings('sentry.example.com', { [key]: 'key' })),
      true,
      provider,
    )
  }
  const unfit = createSettings('sentry.example.com', {
    EMBEDDED_AGENT_PROVIDER: 'anthropic',
    OPENAI_API_KEY: 'key',
  })
  t.equal(configureAgentProvider(core, unfit), false, 'a provider without its key is none')
})

test('including aliases adds the tools that share a handler', async (t) => {
  const { tools } = await loadMcpCore()
  t.same([...includeAliases(tools, ['search_agent_conversations'])].sort(), [
    'search_agent_conversations',
    'search_ai_conversations',
  ])
  t.same([...includeAliases(tools, ['whoami'])], ['whoami'])
  t.same([...includeAliases(tools, ['toString'])], [])
})

function runInProcess(code: string) {
  const program = `
    import { createRequire, registerHooks } from 'node:module'
    import { loadMcpCore } from ${JSON.stringify(LOADER)}
    ${code}`
  return run(process.execPath, ['--input-type=module-typescript', '--eval', program], {
    cwd: new URL('../../../..', import.meta.url),
  })
}
