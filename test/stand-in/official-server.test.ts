import { test } from 'tap'
import { loadMcpCore } from '../../lib/mcp/core/load.ts'
import { startSentry } from '../sandbox/sentry/server.ts'
import { listToolCalls, TOOLS_WITHOUT_SENTRY } from './tool-calls.ts'
import { walkTools } from './walk-tools.ts'

/** What a stock self-hosted Sentry of the newest release lacks: Seer, and snapshots, which no configuration turns on. */
const NOT_SELF_HOSTED = [
  'get_snapshot',
  'get_snapshot_image',
  'get_latest_base_snapshot',
  'analyze_issue_with_seer',
]

test("Sentry's own stdio server succeeds with every tool where every feature is on", async (t) => {
  const { calls, responses } = await walkTools()
  t.same(
    calls.filter(({ problem }) => problem !== undefined),
    [],
  )
  t.same(
    responses.filter(({ status }) => status >= 300),
    [],
  )
})

test('at a stock 26.8.0 it fails with the tools that need a service of sentry.io, and with no other', async (t) => {
  const { calls } = await walkTools('26.8.0')
  const failing = calls.filter(({ problem }) => problem !== undefined).map(({ name }) => name)
  t.same(failing, NOT_SELF_HOSTED)
})

test('the calls of the check name every tool of mcp-core', async (t) => {
  const core = await loadMcpCore()
  const sentry = await startSentry()
  t.teardown(() => sentry.close())
  const called = new Set(listToolCalls(sentry.data).map(({ name }) => name))
  const names = Object.values(core.tools).map(({ name }) => name)
  t.same(
    names.filter((name) => !called.has(name)),
    TOOLS_WITHOUT_SENTRY,
  )
})
