import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DATABASE_FILE } from '../../lib/store/sqlite/database.ts'
import { startSentry } from '../sandbox/sentry/server.ts'
import { registerClient, type TestClient, type Tokens } from '../support/client.ts'
import { postMcp } from '../support/mcp.ts'
import { type Lifetime, useEmbeddedStore } from '../support/service.ts'
import { createSettings } from './cluster.ts'
import { createInstance, type Instance, readReadiness } from './instance.ts'
import type { Journal, Notes } from './journal.ts'

const TIMES = 10
const WRITERS = 8

/** How long the second process may take to refuse, in ms. */
const REFUSAL_LIMIT = 10_000

/** One process that keeps everything in a file. */
export async function testEmbeddedStore(t: Lifetime, journal: Journal): Promise<void> {
  const chapter = journal.begin('The embedded store')
  const sentry = await startSentry()
  t.teardown(() => sentry.close())
  const store = useEmbeddedStore(t)
  const instance = await createInstance(t, store)
  Object.assign(instance.settings, createSettings(instance.url, sentry))
  sentry.redirectUris.push(`${instance.url}/oauth/callback`)
  await instance.start()
  await chapter.record(
    `SIGKILL, ${TIMES} times in the middle of writing`,
    'What was answered is there after the start; what was not may be asked for again',
    (notes) => killWriters(instance, notes),
  )
  await chapter.record(
    'A second process on the same file',
    'Nothing: it ends with 1 and says which file is in use. The first goes on',
    (notes) => startSecond(t, instance, notes),
  )
}

/** A client that exchanges its refresh token as fast as it can. */
interface Writer {
  client: TestClient
  tokens: Tokens
  written: number
}

async function killWriters(instance: Instance, { expect }: Notes): Promise<string> {
  const writers: Writer[] = []
  for (let port = 43_000; port < 43_000 + WRITERS; port += 1) {
    const client = await registerClient(instance.url, `http://127.0.0.1:${port}/callback`)
    writers.push({ client, tokens: await client.signIn(), written: 0 })
  }
  let newest: Tokens[] = []
  for (let time = 0; time < TIMES; time += 1) {
    const writing = Promise.all(writers.map((writer) => writeUntilItBreaks(writer, expect)))
    const signingIn = signInUntilItBreaks(instance)
    await sleep(200 + 50 * time)
    await instance.end('SIGKILL')
    await writing
    newest = await signingIn
    await instance.start()
    for (const { client, tokens } of writers) {
      const response = await client.refresh(tokens.refresh_token)
      const text = await response.text()
      expect('an acknowledged refresh token is good', response.status === 200, [response.status, text])
    }
    for (const { access_token: token } of newest) {
      const call = await postMcp(`${instance.url}/mcp`, token, 'tools/list')
      await call.body?.cancel()
      expect('an acknowledged sign-in is good', call.status === 200, call.status)
    }
  }
  const written = writers.reduce((sum, writer) => sum + writer.written, 0)
  expect('it was killed while it wrote', written > TIMES * WRITERS, written)
  return `${written} refreshes were acknowledged, none was lost`
}

async function writeUntilItBreaks(writer: Writer, expect: Notes['expect']): Promise<void> {
  for (;;) {
    try {
      const response = await writer.client.refresh(writer.tokens.refresh_token)
      const text = await response.text()
      expect('a refresh succeeds', response.status === 200, [response.status, text])
      if (response.status !== 200) return
      writer.tokens = JSON.parse(text)
      writer.written += 1
    } catch {
      return
    }
  }
}

/** Signs users in one after the other, and returns what they were given. */
async function signInUntilItBreaks({ url }: Instance): Promise<Tokens[]> {
  const given: Tokens[] = []
  try {
    const client = await registerClient(url, 'http://127.0.0.1:43999/callback')
    for (;;) given.push(await client.signIn())
  } catch {
    // The limit of sign-ins a client has for one user ends older ones.
    return given.slice(-10)
  }
}

async function startSecond(t: Lifetime, instance: Instance, { expect }: Notes): Promise<string> {
  const second = await createInstance(t, { ...instance.settings, BASE_URL: instance.url })
  const startedAt = Date.now()
  await second.start().catch(() => undefined)
  const after = Date.now() - startedAt
  const file = join(String(instance.settings.DATA_DIR), DATABASE_FILE)
  const log = second.log.join('\n')
  expect('it ends with 1', second.ending?.code === 1, second.ending)
  expect('it names the file', log.includes(file), log)
  expect('it is said in one line', second.log.filter((line) => line !== '').length === 1, log)
  expect('it does not take long', after < REFUSAL_LIMIT, after)
  const readiness = (await readReadiness(instance)) as { status: string; store?: string }
  expect('the first goes on, and names its store', readiness.store === 'embedded', readiness)
  expect(
    'so does its log',
    instance.log.some((line) => line.includes(file)),
    instance.log.slice(0, 3),
  )
  return `it ended after ${(after / 1000).toFixed(1)} s with: \`${second.log.at(-1)?.replaceAll(file, DATABASE_FILE) ?? ''}\``
}
