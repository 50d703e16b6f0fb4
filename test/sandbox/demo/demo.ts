/**
 * `npm run demo`: a Sentry of our own and the service beside it, both on this machine, and one walk through
 * everything a client does. Stays up afterwards; `--once` ends instead, `--verbose` shows the service's log.
 */
import { once } from 'node:events'
import { createServer } from 'node:net'
import { parseArgs } from 'node:util'
import { findFreePort } from '../../support/free-port.ts'
import { startDocsSite } from '../docs-site.ts'
import { startSentry } from '../sentry/server.ts'
import { WalkError } from '../walk/check.ts'
import { walk } from '../walk/walk.ts'
import { DemoError, startDemoService } from './service.ts'
import { writeConnectHelp, writeFailure, writeHeading, writeLine, writeLog, writeStep } from './text.ts'

const PREFERRED_PORT = 3000

const options = readOptions()
const interruption = new AbortController()
const interrupted = once(interruption.signal, 'abort')
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // Whoever asks twice does not want to wait.
    if (interruption.signal.aborted) process.exit(1)
    interruption.abort()
  })
}
// Nobody reads on, as behind `| head`.
process.stdout.on('error', () => process.exit(1))

try {
  await runDemo()
} catch (error) {
  // An interruption is no failure, wherever it came.
  if (!interruption.signal.aborted) {
    const { step, log } = error instanceof DemoError ? error : { step: 'demo', log: [] }
    writeFailure(step, error instanceof Error ? error.message : String(error), log)
    process.exitCode = 1
  }
}
process.exit()

async function runDemo(): Promise<void> {
  const port = (await isFree(PREFERRED_PORT)) ? PREFERRED_PORT : await findFreePort()
  const redirectUri = `http://localhost:${port}/oauth/callback`
  await using closing = new AsyncDisposableStack()

  const sentry = await startSentry({ redirectUris: [redirectUri] })
  closing.defer(() => sentry.close())
  const docs = await startDocsSite()
  closing.defer(() => docs.close())

  const service = await startDemoService({
    port,
    sentryHost: sentry.host,
    clientId: sentry.clientId,
    clientSecret: sentry.clientSecret,
    docsUrl: docs.url,
    logLevel: options.verbose ? 'info' : 'warn',
    onLog: options.verbose ? writeLog : () => undefined,
    signal: interruption.signal,
  })
  closing.defer(() => service.stop())

  const mcpUrl = `${service.url}/mcp`
  writeHeading(`A Sentry of our own at ${sentry.url}, the service at ${service.url}`)
  const walking = walk(mcpUrl, { onStep: writeStep, clientName: 'Demo client' })
  try {
    await Promise.race([walking, interrupted])
  } catch (error) {
    if (!(error instanceof WalkError)) throw error
    throw new DemoError(error.step, error.problem, service.log, { cause: error })
  }
  if (options.once || interruption.signal.aborted) return

  // A person who signs in next should see Sentry's page too, instead of being let through as known.
  sentry.forgetApprovals()
  writeConnectHelp(mcpUrl)
  const ended = await Promise.race([interrupted.then(() => false), service.ended.then(() => true)])
  if (ended) throw new DemoError('service', 'ended by itself', service.log)
}

function readOptions(): { once: boolean; verbose: boolean } {
  try {
    const { values } = parseArgs({ options: { once: { type: 'boolean' }, verbose: { type: 'boolean' } } })
    return { once: values.once ?? false, verbose: values.verbose ?? false }
  } catch (error) {
    writeLine(`${(error as Error).message}. Known are --once and --verbose.`)
    process.exit(1)
  }
}

/** Free on both loopback addresses, since browsers may try either for localhost. */
async function isFree(port: number): Promise<boolean> {
  const checks = await Promise.all(['127.0.0.1', '::1'].map((host) => canListen(host, port)))
  return checks.every(Boolean)
}

function canListen(host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const server = createServer()
  // A machine without IPv6 has nobody listening there either.
  server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'EADDRINUSE'))
  server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)))
  return promise
}
