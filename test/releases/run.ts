import { writeFile } from 'node:fs/promises'
import Fastify from 'fastify'
import { createToolRunner, type ToolRun } from '../../commands/doctor/run-tool.ts'
import { configureAgentProvider } from '../../lib/mcp/core/agent-provider.ts'
import { loadMcpCore } from '../../lib/mcp/core/load.ts'
import { routeMcpCoreLogs } from '../../lib/mcp/core/log.ts'
import { createSentryLocation } from '../../lib/upstream/location.ts'
import { startDocsSite } from '../sandbox/docs-site.ts'
import { SENTRY_RELEASES, type SentryRelease } from '../sandbox/sentry/releases.ts'
import { startSentry } from '../sandbox/sentry/server.ts'
import { listToolCalls } from '../stand-in/tool-calls.ts'
import { startAiProvider } from '../support/ai-provider.ts'
import { createLifetime } from '../support/lifetime.ts'
import { createSettings } from '../support/mcp-service.ts'
import { describeMatrix } from './report.ts'

/** How the rows of the matrix that try one tool in several ways are told apart. */
const DETAILS = ['dataset', 'kind', 'resourceType', 'profilerId'] as const

/** The outcomes of a tool, best first. */
const ORDER = ['works', 'detour', 'hidden', 'lacks', 'fails']

/** A call with the name of its row. */
interface RowCall {
  row: string
  tool: string
  args: Record<string, unknown>
}

const core = await loadMcpCore()
routeMcpCoreLogs(core, Fastify().log)
const columns = new Map<SentryRelease, Map<string, ToolRun>>()
for (const release of SENTRY_RELEASES) columns.set(release, await runColumn(release))
const document = describeMatrix(columns)
await writeFile(new URL('../../docs/sentry-releases.md', import.meta.url), document)

const failures = [...columns].flatMap(([release, runs]) =>
  [...runs]
    .filter(([, { outcome }]) => outcome === 'fails')
    .map(([row, { failure }]) => `${release} ${row}: ${failure}`),
)
for (const failure of failures) process.stderr.write(`${failure}\n`)
process.exitCode = failures.length > 0 ? 1 : 0

/** Runs every tool at a stand-in of the release, with the features of its example configuration. */
async function runColumn(release: SentryRelease): Promise<Map<string, ToolRun>> {
  await using closing = new AsyncDisposableStack()
  const t = createLifetime(closing)
  const sentry = await startSentry({ release })
  closing.defer(() => sentry.close())
  const docs = await startDocsSite()
  closing.defer(() => docs.close())
  closing.defer(docs.redirectSentryDocs())
  const { accessToken } = sentry.issueTokens()
  const location = createSentryLocation(createSettings(sentry.host))
  const options = { core, sentry: location, accessToken, mcpUrl: docs.url }

  const runs = new Map<string, ToolRun>()
  const runner = createToolRunner(options)
  for (const { row, tool, args } of listRows(listToolCalls(sentry.data)))
    runs.set(row, findWorse(runs.get(row), await runner.run(tool, args)))
  runs.set('get_doc', await runner.run('get_doc', { path: '/platforms/javascript/guides/node/sampling.md' }))

  const provider = await startAiProvider(t, [
    { calls: [{ name: 'find_teams', args: { organizationSlug: 'tidewater-books', query: null } }] },
    { says: '{"result":"There are two teams."}' },
  ])
  const settings = createSettings(sentry.host, provider.settings)
  const hasAgentProvider = configureAgentProvider(core, settings)
  const assisted = createToolRunner({ ...options, hasAgentProvider })
  runs.set('use_sentry', await assisted.run('use_sentry', { request: 'Which teams are there?' }))
  configureAgentProvider(core, createSettings(sentry.host))
  return runs
}

function listRows(calls: ReturnType<typeof listToolCalls>): RowCall[] {
  return calls.map(({ name, arguments: args }) => {
    const detail = DETAILS.find((key) => args[key] !== undefined)
    const value = detail === 'profilerId' ? 'continuous' : detail === undefined ? '' : String(args[detail])
    return { row: value === '' ? name : `${name} (${value})`, tool: name, args }
  })
}

/** A row with several calls shows the one that fared worst. */
function findWorse(before: ToolRun | undefined, run: ToolRun): ToolRun {
  if (before === undefined) return run
  return ORDER.indexOf(run.outcome) > ORDER.indexOf(before.outcome) ? run : before
}
