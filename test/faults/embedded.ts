import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DATABASE_FILE } from '../../lib/store/sqlite/database.ts'
import { startSentry } from '../sandbox/sentry/server.ts'
import { registerClient, type TestClient, type Tokens } from '../support/client.ts'
import type { Lifetime } from '../support/lifetime.ts'
import { postMcp } from '../support/mcp.ts'
import { useEmbeddedStore } from '../support/service.ts'
import {
  createServiceProcess,
  readReadiness,
  type ServiceProcess,
  startServiceProcess,
} from '../support/service-process.ts'
import { createFaultSettings } from './deployment.ts'
import type { Check, Results } from './results.ts'

const TIMES = 10
const WRITERS = 8

/** Until the second process exits. */
const REFUSAL_TIMEOUT_MS = 10_000

/** One process with the embedded store. */
export async function testEmbeddedStore(t: Lifetime, results: Results): Promise<void> {
  const section = results.addSection('The embedded store')
  const sentry = await startSentry()
  t.teardown(() => sentry.close())
  const store = useEmbeddedStore(t)
  const instance = await startServiceProcess(t, (url) => ({ ...createFaultSettings(url, sentry), ...store }))
  sentry.redirectUris.push(`${instance.url}/oauth/callback`)
  await section.record(
    `SIGKILL, ${TIMES} times during writes`,
    'What was acknowledged is there after the restart; the rest can be repeated',
    (check) => killWriters(instance, check),
  )
  await section.record(
    'A second process on the same file',
    'Nothing: it exits with 1 and names the file in use. The first is not affected',
    (check) => startSecond(t, instance, check),
  )
}

/** A client that exchanges its refresh token without pause. */
interface Writer {
  client: TestClient
  tokens: Tokens
  written: number
}

async function killWriters(instance: ServiceProcess, check: Check): Promise<string> {
  const writers: Writer[] = []
  for (let port = 43_000; port < 43_000 + WRITERS; port += 1) {
    const client = await registerClient(instance.url, `http://127.0.0.1:${port}/callback`)
    writers.push({ client, tokens: await client.signIn(), written: 0 })
  }
  let newest: Tokens[] = []
  for (let time = 0; time < TIMES; time += 1) {
    const writing = Promise.all(writers.map((writer) => refreshUntilKilled(writer, check)))
    const signingIn = signInUntilKilled(instance)
    await sleep(200 + 50 * time)
    await instance.end('SIGKILL')
    await writing
    newest = await signingIn
    await instance.start()
    for (const { client, tokens } of writers) {
      const response = await client.refresh(tokens.refresh_token)
      const text = await response.text()
      check('an acknowledged refresh token is valid', response.status === 200, [response.status, text])
    }
    for (const { access_token: token } of newest) {
      const call = await postMcp(`${instance.url}/mcp`, token, 'tools/list')
      await call.body?.cancel()
      check('an acknowledged sign-in is valid', call.status === 200, call.status)
    }
  }
  const written = writers.reduce((sum, writer) => sum + writer.written, 0)
  check('it was killed during writes', written > TIMES * WRITERS, written)
  return `${written} refreshes were acknowledged, none was lost`
}

async function refreshUntilKilled(writer: Writer, check: Check): Promise<void> {
  for (;;) {
    try {
      const response = await writer.client.refresh(writer.tokens.refresh_token)
      const text = await response.text()
      check('a refresh succeeds', response.status === 200, [response.status, text])
      if (response.status !== 200) return
      writer.tokens = JSON.parse(text)
      writer.written += 1
    } catch {
      return
    }
  }
}

/** Signs users in one after the other, and returns their tokens. */
async function signInUntilKilled({ url }: ServiceProcess): Promise<Tokens[]> {
  const tokens: Tokens[] = []
  try {
    const client = await registerClient(url, 'http://127.0.0.1:43999/callback')
    for (;;) tokens.push(await client.signIn())
  } catch {
    // The limit of grants of one client and user ends older ones.
    return tokens.slice(-10)
  }
}

async function startSecond(t: Lifetime, instance: ServiceProcess, check: Check): Promise<string> {
  const second = await createServiceProcess(t, () => instance.settings)
  const startedAt = Date.now()
  await second.start().catch(() => undefined)
  const after = Date.now() - startedAt
  const file = join(String(instance.settings.DATA_DIR), DATABASE_FILE)
  const log = second.log.join('\n')
  check('it exits with 1', second.ending?.code === 1, second.ending)
  check('it names the file', log.includes(file), log)
  check('it logs one line', second.log.length === 1, log)
  check('it exits in time', after < REFUSAL_TIMEOUT_MS, after)
  const readiness = (await readReadiness(instance)) as { status: string; store?: string }
  check('the first is ready, and names its store', readiness.store === 'embedded', readiness)
  check(
    'its log names the file',
    instance.log.some((line) => line.includes(file)),
    instance.log.slice(0, 3),
  )
  return `it exited after ${(after / 1000).toFixed(1)} s with: \`${second.log.at(-1)?.replaceAll(file, DATABASE_FILE) ?? ''}\``
}
