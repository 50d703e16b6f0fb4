/**
 * `npm run conformance`: runs the conformance suite of the Model Context Protocol against the whole service, writes
 * docs/conformance.md, and exits with 1 when a result is not as expected.
 */
import { writeFile } from 'node:fs/promises'
import type { ToolRegistry } from '../../lib/mcp/core/types.ts'
import { createBrowser, signIn } from '../sandbox/browser/browser.ts'
import { registerClient } from '../support/client.ts'
import { findFreePort } from '../support/free-port.ts'
import type { Lifetime } from '../support/lifetime.ts'
import { createLifetime } from '../support/lifetime.ts'
import { type Service, startService, useEmbeddedStore } from '../support/service.ts'
import { type Assessment, assess, findUnexpected, type Outcome } from './assess.ts'
import { startBearerProxy } from './bearer-proxy.ts'
import { DIAGNOSTIC_TOOLS } from './diagnostic-tools.ts'
import { writeReport } from './report.ts'
import {
  AUTHORIZATION_REVISIONS,
  AUTHORIZATION_SCENARIOS,
  DIAGNOSTIC_SCENARIOS,
  type Revision,
  type Scenario,
  SENTRY_SCENARIOS,
  SERVER_REVISIONS,
} from './scenarios.ts'
import { type Results, runAuthorizationSuite, runServerSuite } from './suite.ts'

const REPORT = new URL('../../docs/conformance.md', import.meta.url)

/** For all scenarios together. */
const deadline = AbortSignal.timeout(110_000)

const SETTINGS = {
  // The suite asks whether they are offered; it comes with none.
  CLIENT_ID_METADATA_DOCUMENTS: 'true',
  RATE_LIMIT_MCP: '0',
  RATE_LIMIT_OAUTH: '0',
}

const faults = await run()
for (const fault of faults) process.stdout.write(`  no  ${fault}\n`)
process.stdout.write(faults.length === 0 ? 'All as expected.\n' : `${faults.length} not as expected.\n`)
process.exit(faults.length === 0 ? 0 : 1)

async function run(): Promise<string[]> {
  await using closing = new AsyncDisposableStack()
  const lifetime = createLifetime(closing)
  const service = await start(lifetime)
  const sentry = await assessServer(lifetime, service, SENTRY_SCENARIOS)
  const authorization = await assessAuthorization(service)
  const diagnostic = await assessServer(
    lifetime,
    await start(lifetime, DIAGNOSTIC_TOOLS),
    DIAGNOSTIC_SCENARIOS,
  )
  await writeFile(
    REPORT,
    writeReport({
      sentry: sentry.outcomes,
      diagnostic: diagnostic.outcomes,
      authorization: authorization.outcomes,
    }),
  )
  return [sentry, authorization, diagnostic].flatMap((assessment) => assessment.faults)
}

function start(lifetime: Lifetime, tools?: ToolRegistry): Promise<Service> {
  const settings = { ...useEmbeddedStore(lifetime), ...SETTINGS, TOOL_SURFACE: tools ? 'full' : 'standard' }
  return startService(lifetime, { settings, tools })
}

async function assessServer(
  lifetime: Lifetime,
  { url }: Service,
  scenarios: readonly Scenario[],
): Promise<Assessment> {
  const client = await registerClient(url)
  const { access_token: accessToken } = await client.signIn()
  const proxy = await startBearerProxy(lifetime, url, accessToken)
  return assessRevisions(scenarios, SERVER_REVISIONS, (revision) =>
    runServerSuite(`${proxy}/mcp`, revision, deadline),
  )
}

function assessAuthorization({ url }: Service): Promise<Assessment> {
  return assessRevisions(AUTHORIZATION_SCENARIOS, AUTHORIZATION_REVISIONS, async (revision) => {
    const port = await findFreePort()
    const { id: clientId } = await registerClient(url, `http://127.0.0.1:${port}/callback`)
    const client = { clientId, resource: `${url}/mcp`, port, signIn: followSignIn }
    return runAuthorizationSuite(url, revision, client, deadline)
  })
}

/** Signs in and calls the waiting client back. */
async function followSignIn(authorizeUrl: string): Promise<void> {
  const redirect = await signIn(createBrowser(), authorizeUrl)
  await (await fetch(redirect)).body?.cancel()
}

async function assessRevisions(
  scenarios: readonly Scenario[],
  revisions: readonly Revision[],
  runSuite: (revision: Revision) => Promise<Results>,
): Promise<Assessment> {
  const outcomes: Outcome[] = []
  const found: string[] = []
  for (const revision of revisions) {
    const results = await runSuite(revision)
    const assessment = assess(results, scenarios, revision)
    outcomes.push(...assessment.outcomes)
    found.push(...assessment.faults, ...findUnexpected(results, revision))
    process.stdout.write(
      `  ${revision}: ${results.size} scenarios run, ${assessment.outcomes.length} asked for\n`,
    )
  }
  return { outcomes, faults: found }
}
