import Fastify from 'fastify'
import type { Config } from '../../lib/config/load.ts'
import { loadMcpCore } from '../../lib/mcp/core/load.ts'
import { routeMcpCoreLogs } from '../../lib/mcp/core/log.ts'
import { createSentryLocation } from '../../lib/upstream/location.ts'
import { UpstreamUnavailableError } from '../../lib/upstream/request.ts'
import { createReport, type Finding, type Report } from './report.ts'
import { createToolRunner, type ToolRun } from './run-tool.ts'
import { listSampleCalls, type SampleCall } from './sample-calls.ts'

const NO_DATA = 'Report it with these lines: they contain nothing of your data.'

/**
 * Calls every tool that only reads at Sentry, with a token of the operator's. The findings name routes, statuses and
 * fields, but no data, so they are fit for a bug report.
 */
export async function checkSentryTools(
  settings: Config,
  accessToken: string | undefined,
): Promise<Finding[]> {
  const report = createReport('sentry-tools')
  if (accessToken === undefined) {
    const page = `${createSentryLocation(settings).origin}/settings/account/api/auth-tokens/`
    report.error(
      'This check needs a token of a user at Sentry.',
      `Create one at ${page} with the scopes event:read, org:read, project:read and team:read, and set SENTRY_AUTH_TOKEN.`,
    )
    return report.findings
  }
  const sentry = createSentryLocation(settings)
  try {
    const calls = await listSampleCalls(sentry, accessToken)
    if (calls === undefined) {
      report.error('Sentry shows no organization to this token.', 'Check SENTRY_AUTH_TOKEN and its scopes.')
      return report.findings
    }
    const core = await loadMcpCore()
    // Its log may have data.
    routeMcpCoreLogs(core, Fastify().log)
    const runner = createToolRunner({ core, sentry, accessToken, mcpUrl: settings.MCP_URL })
    for (const call of calls) await reportCall(call, runner, report)
  } catch (error) {
    if (!(error instanceof UpstreamUnavailableError)) throw error
    report.error('Sentry cannot be reached, or does not respond in time.', 'See the check "sentry".')
  }
  return report.findings
}

async function reportCall(
  { tool, args }: SampleCall,
  { run }: ReturnType<typeof createToolRunner>,
  report: Report,
): Promise<void> {
  if (args === undefined) report.skipped(`${tool}: Sentry shows nothing of this kind to try it with.`)
  else reportRun(tool, await run(tool.replace(/ .*/, ''), args), report)
}

function reportRun(name: string, run: ToolRun, report: Report): void {
  const asked = run.requests.map(({ method, route, status }) => `${method} ${route} ${status}`).join(', ')
  const detours = [...new Set(run.detours)].join(', ')
  const fields = run.missingFields.length > 0 ? ` Missing fields: ${run.missingFields.join(', ')}.` : ''
  if (run.outcome === 'works') report.ok(`${name} works: ${asked}.`)
  if (run.outcome === 'detour') report.ok(`${name} works by a detour (${detours}): ${asked}.`)
  if (run.outcome === 'hidden') report.skipped(`${name} is not offered: this release cannot serve it.`)
  if (run.outcome === 'lacks') {
    report.warning(`${name}: ${run.sentence} ${asked}.`, 'Update Sentry, or switch the feature on.')
  }
  if (run.outcome === 'fails') report.error(`${name} fails (${run.failure}): ${asked}.${fields}`, NO_DATA)
}
