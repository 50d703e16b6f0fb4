import { readFileSync, writeFileSync } from 'node:fs'
import { Readable } from 'node:stream'
import { type Test, test } from 'tap'
import { type SentrySandbox, startSentry } from '../sandbox/sentry/server.ts'
import { registerClient } from '../support/client.ts'
import { readImageEnvironment } from '../support/image-environment.ts'
import { postMcp } from '../support/mcp.ts'
import { useEmbeddedStore } from '../support/service.ts'
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts'
import { createSettings } from '../support/settings.ts'

const MEBI = 1024 * 1024

/** A process has some 180 MiB after its start, in which it loads Sentry's tools. A pod may have a quarter more. */
const MAX_RESIDENT = 400 * MEBI

/** As the image has it. */
const MEMORY_OPTIONS = readImageEnvironment(['NODE_OPTIONS', 'MALLOC_ARENA_MAX'])

interface Fixture {
  sentry: SentrySandbox
  service: ServiceProcess
  /** Access tokens of so many users. */
  signIn(count: number): Promise<string[]>
}

interface Result {
  isError?: boolean
  content: { type: string; text?: string; resource?: { blob?: string } }[]
}

test('attachments of 19 MB are answered by their address and never downloaded (CWE-770)', async (t) => {
  const { sentry, service, signIn } = await setUp(t)
  const users = await signIn(15)
  const args = { ...findGauge(sentry), attachmentId: '88102' }
  const [first = ''] = users
  const batch = Array.from({ length: 5 }, (_, id) => createCall('get_event_attachment', args, id))
  const together = await postBatch(service, first, batch)
  const each = await Promise.all(users.map((token) => call(service, token, 'get_event_attachment', args)))
  t.equal(together.length, 5)
  for (const result of [...together, ...each]) {
    t.notOk(result.isError)
    const text = result.content.map((part) => part.text).join('\n')
    t.match(text, /\*\*Filename:\*\* gauge\.dmp/)
    t.match(text, /\*\*Size:\*\* 19922944 bytes/)
    t.match(text, /\*\*MIME Type:\*\* application\/octet-stream/)
    t.match(text, /\*\*URL:\*\* http:\S+\/attachments\/88102\/\?download=1/)
  }
  t.notOk(
    sentry.requests.some(({ path }) => path.includes('/attachments/88102/')),
    'Sentry was asked for none of them',
  )
  checkMemory(t, service)
})

test('fifteen users get 4.9 MB each, and 100 KB of a text of 4 MB (CWE-770)', async (t) => {
  const { sentry, service, signIn } = await setUp(t)
  const size = Math.floor(4.9 * MEBI)
  addAttachment(sentry, { id: '88103', size, mimetype: 'application/octet-stream' })
  const users = await signIn(15)
  const args = { ...findGauge(sentry), attachmentId: '88103' }
  const results = await Promise.all(users.map((token) => call(service, token, 'get_event_attachment', args)))
  for (const { isError, content } of results) {
    t.notOk(isError)
    t.equal(Buffer.from(content[0]?.resource?.blob ?? '', 'base64').length, size)
  }
  checkMemory(t, service)
  const texts = await Promise.all(
    users
      .slice(0, 5)
      .map((token) =>
        call(service, token, 'get_event_attachment', { ...findGauge(sentry), attachmentId: '88101' }),
      ),
  )
  for (const { isError, content } of texts) {
    t.notOk(isError)
    t.match(content[0]?.text, /\nLeft out: .* of .* KB, because the result is longer than 100 KB/)
    t.ok((content[0]?.text?.length ?? 0) < 110 * 1024)
  }
  checkMemory(t, service)
})

test('a batch of ten attachments of 4.9 MB stays within the budget (CWE-770)', async (t) => {
  const { sentry, service, signIn } = await setUp(t)
  addAttachment(sentry, { id: '88103', size: Math.floor(4.9 * MEBI), mimetype: 'image/x-dump' })
  const [token = ''] = await signIn(1)
  const args = { ...findGauge(sentry), attachmentId: '88103' }
  const batch = Array.from({ length: 10 }, (_, id) => createCall('get_event_attachment', args, id))
  t.equal((await postBatch(service, token, batch)).length, 10)
  checkMemory(t, service)
})

test('twenty JSON responses of 15 MB at once are answered in turn (CWE-770)', async (t) => {
  const { sentry, service, signIn } = await setUp(t)
  const [team] = sentry.data.organizations[0]?.teams ?? []
  const row = JSON.stringify({ id: '1', slug: team?.slug, name: 'a'.repeat(900) })
  const body = `[${Array.from({ length: 16_000 }, () => row).join(',')}]`
  t.ok(body.length > 14 * MEBI)
  sentry.fail('GET /api/0/organizations/tidewater-books/teams/', {
    kind: 'status',
    status: 200,
    body: JSON.parse(body),
  })
  const users = await signIn(5)
  const calls = users.flatMap((token) => [token, token, token, token])
  const args = { organizationSlug: 'tidewater-books' }
  const results = await Promise.all(calls.map((token) => call(service, token, 'find_teams', args)))
  t.equal(results.length, 20)
  for (const { content } of results) t.ok(content[0]?.text)
  const failed = results.filter(({ isError }) => isError)
  t.equal(failed.length, 0, String(failed[0]?.content[0]?.text?.slice(0, 300)))
  checkMemory(t, service)
})

async function setUp(t: Test): Promise<Fixture> {
  const sentry = await startSentry()
  t.teardown(() => sentry.close())
  const store = useEmbeddedStore(t)
  const service = await startServiceProcess(t, (url) => {
    sentry.redirectUris.push(`${url}/oauth/callback`)
    return { ...createSettings(url, sentry), ...store, ...MEMORY_OPTIONS, TOOL_SURFACE: 'full' }
  })
  return {
    sentry,
    service,
    async signIn(count) {
      const client = await registerClient(service.url)
      const tokens: string[] = []
      for (let user = 0; user < count; user += 1) {
        sentry.setUser({
          id: String(2000 + user),
          name: `User ${user}`,
          email: `user${user}@tidewater.example`,
        })
        tokens.push((await client.signIn()).access_token)
      }
      return tokens
    },
  }
}

function findGauge({ data }: SentrySandbox) {
  const issue = data.organizations[1]?.issues.find(({ shortId }) => shortId === 'TIDE-GAUGE-1')
  return { organizationSlug: 'lantern-labs', projectSlug: 'tide-gauge', eventId: issue?.events[0]?.id }
}

function addAttachment({ data }: SentrySandbox, attachment: { id: string; size: number; mimetype: string }) {
  const issue = data.organizations[1]?.issues.find(({ shortId }) => shortId === 'TIDE-GAUGE-1')
  const open = () => Readable.from([Buffer.alloc(attachment.size, 'x')])
  issue?.events[0]?.attachments.push({
    ...attachment,
    name: 'a.bin',
    type: 'event.attachment',
    sha1: null,
    open,
  })
}

function createCall(name: string, args: object, id: number) {
  return { jsonrpc: '2.0', id, method: 'tools/call', params: { name, arguments: args } }
}

async function call({ url }: ServiceProcess, token: string, name: string, args: object): Promise<Result> {
  const response = await postMcp(`${url}/mcp`, token, 'tools/call', { name, arguments: args })
  return readMessages(await response.text())[0]?.result ?? { content: [] }
}

async function postBatch({ url }: ServiceProcess, token: string, batch: object[]): Promise<Result[]> {
  const response = await fetch(`${url}/mcp`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify(batch),
  })
  return readMessages(await response.text()).map(({ result }) => result)
}

/** The messages of a response, which is JSON or, after a while, a stream. */
function readMessages(text: string): { result: Result }[] {
  if (/^\s*[[{]/.test(text)) return [JSON.parse(text)].flat()
  return text
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice('data: '.length)))
}

/** Compares the most memory that the process ever had with the limit. */
function checkMemory(t: Test, { pid }: ServiceProcess): void {
  const peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
  t.ok(peak < MAX_RESIDENT, `${Math.round(peak / MEBI)} MiB at most`)
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}
