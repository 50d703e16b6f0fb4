/**
 * `npm run demo`: starts a stand-in for Sentry and the service on this machine, and goes through everything that an
 * MCP client does. Stays up afterwards and prints a line for each sign-in and call; `--once` ends instead, `--verbose`
 * shows the service's log.
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
import {
  writeActivity,
  writeConnectHelp,
  writeFailure,
  writeHeading,
  writeLine,
  writeLog,
  writeStep,
} from './text.ts'

const PREFERRED_PORT = 3000

const options = readOptions()
const interruption = new AbortController()
const interrupted = once(interruption.signal, 'abort')
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // A second signal ends it without waiting.
    if (interruption.signal.aborted) process.exit(1)
    interruption.abort()
  })
}
// The reader may close the pipe, as `| head` does.
process.stdout.on('error', () => process.exit(1))

try {
  await runDemo()
} catch (error) {
  // An interruption is not a failure, at any step.
  if (!interruption.signal.aborted) {
    const { step, log } = error instanceof DemoError ? error : { step: 'demo', log: [] }
    writeFailure(step, error instanceof Error ? error.message : String(error), log)
    process.exitCode = 1
  }
}
process.exit()

async function runDemo(): Promise<void> {
  let onLog = options.verbose ? writeLog : (_line: string) => undefined
  const port = (await isFree(PREFERRED_PORT)) ? PREFERRED_PORT : await findFreePort()
  if (port !== PREFERRED_PORT) writeLine(`Port ${PREFERRED_PORT} is in use, so this is ${port}.\n`)
  const redirectUri = `http://localhost:${port}/oauth/callback`
  await using closing = new AsyncDisposableStack()

  const sentry = await startSentry({ redirectUris: [redirectUri] })
  closing.defer(() => sentry.close())
  const docs = await startDocsSite()
  closing.defer(() => docs.close())

  const service = await startDemoService({
    port,
    sentry,
    docsUrl: docs.url,
    onLog: (line) => onLog(line),
    signal: interruption.signal,
  })
  closing.defer(() => service.stop())

  writeHeading(`A stand-in for Sentry at ${sentry.url}, the service at ${service.url}`)
  const walking = walk(`${service.url}/mcp`, { onStep: writeStep, clientName: 'Demo client' })
  try {
    await Promise.race([walking, interrupted])
  } catch (error) {
    if (!(error instanceof WalkError)) throw error
    throw new DemoError(error.step, error.problem, service.log, { cause: error })
  }
  if (options.once || interruption.signal.aborted) return

  // The next sign-in, by a person, shows Sentry's page as well instead of being approved from memory.
  sentry.forgetApprovals()
  writeConnectHelp(service.url, sentry.url)
  onLog = options.verbose ? writeLog : writeActivity
  const ended = await Promise.race([interrupted.then(() => false), service.ended.then(() => true)])
  if (ended) throw new DemoError('service', 'ended unexpectedly', service.log)
}

function readOptions(): { once: boolean; verbose: boolean } {
  try {
    // pnpm passes on the -- that npm takes away.
    const args = process.argv.slice(2).filter((arg) => arg !== '--')
    const { values } = parseArgs({
      args,
      options: { once: { type: 'boolean' }, verbose: { type: 'boolean' } },
    })
    return { once: values.once ?? false, verbose: values.verbose ?? false }
  } catch (error) {
    writeLine(`${(error as Error).message}. The options are --once and --verbose.`)
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
  // On a machine without IPv6 nothing listens there either.
  server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'EADDRINUSE'))
  server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(true)))
  return promise
}
