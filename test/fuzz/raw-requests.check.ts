import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { test } from 'tap'
import { registerClient } from '../support/client.ts'
import { listAlarms } from '../support/log.ts'
import { startService, useRedisStore } from '../support/service.ts'
import { type ByteChange, byteChange, changeBytes } from './form-input.ts'
import { MARKER } from './odd-values.ts'
import { readRun } from './run-inputs.ts'

/** The part of the inputs of other checks: each input takes a connection of its own. */
const PART = 0.1

const BODY = JSON.stringify({ client_name: 'Client', redirect_uris: ['https://client.example/callback'] })

const requestLine = fc.constantFrom(
  ...[
    'POST /oauth/register HTTP/1.1',
    'GET / HTTP/1.1',
    'POST /mcp HTTP/1.1',
    'GET /oauth/authorize HTTP/1.1',
  ],
  ...[
    'GET http://elsewhere.example/ HTTP/1.1',
    'CONNECT a:1 HTTP/1.1',
    'OPTIONS * HTTP/1.1',
    'GET /%zz HTTP/1.1',
  ],
  ...[
    'GET / HTTP/0.9',
    'GET / HTTP/2.0',
    'PRI * HTTP/2.0',
    'BREW / HTTP/1.1',
    'get / HTTP/1.1',
    'GET //a/.. HTTP/1.1',
  ],
  ...[
    `GET /${'a'.repeat(70_000)} HTTP/1.1`,
    `GET /oauth/callback?state=${MARKER} HTTP/1.1`,
    'TRACE / HTTP/1.1',
  ],
)

const header = fc.constantFrom(
  ...[
    'content-length: 5',
    'content-length: 99999',
    'content-length: -1',
    'content-length: 1, 2',
    'content-length: a',
  ],
  ...['transfer-encoding: chunked', 'transfer-encoding: chunked, identity', 'transfer-encoding: xchunked'],
  ...[
    'transfer-encoding : chunked',
    'content-encoding: gzip',
    'expect: 100-continue',
    'expect: a',
    'upgrade: h2c',
  ],
  ...[
    'host: elsewhere.example',
    `host: ${MARKER}`,
    'host:',
    'connection: close, upgrade',
    'connection: keep-alive',
  ],
  ...[
    'a: b\r\n c: d',
    'a\0: b',
    'a: b\0',
    'a: \rb',
    ': a',
    'a',
    ' a: b',
    `x: ${'a'.repeat(65_536)}`,
    '__proto__: a',
  ],
  ...['cookie: a=b; a=c; __proto__=d; %zz=%zz', `cookie: ${MARKER}`, 'authorization: Bearer \u00ff'],
)

interface RawInput {
  line: string
  headers: string[]
  bytes: ByteChange[]
}

const rawInput: fc.Arbitrary<RawInput> = fc.record({
  line: fc.oneof(fc.constant('POST /oauth/register HTTP/1.1'), requestLine),
  headers: fc.array(header, { maxLength: 3 }),
  bytes: fc.array(byteChange, { maxLength: 2 }),
})

test('malformed HTTP over sockets never gets a 5xx or repeats its input', async (t) => {
  t.setTimeout(300_000)
  const settings = { ...(await useRedisStore(t)), LOG_LEVEL: 'error', RATE_LIMIT_OAUTH: '0' }
  const { url, log } = await startService(t, { settings })
  const port = Number(new URL(url).port)
  while ((await fetch(`${url}/health/ready`)).status !== 200) await sleep(20)
  log.length = 0
  const { count, seed } = readRun(process.env)
  const statuses = new Map<string, number>()

  const property = fc.asyncProperty(rawInput, async (input) => {
    const response = await sendRaw(port, write(input, port))
    const status = /^HTTP\/1\.1 (\d{3})/.exec(response)?.[1] ?? 'none'
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    assertRaw(response)
  })
  const result = await fc.check(property, { numRuns: Math.ceil(count * PART), seed })
  const report = result.failed
    ? `${(result.errorInstance as Error).message}\n${fc.defaultReportMessage(result)}`
    : ''
  t.equal(report, '', `FUZZ_SEED=${seed}`)
  t.comment(
    [...statuses]
      .toSorted()
      .map(([status, times]) => `${status}: ${times}`)
      .join(', '),
  )
  t.ok((statuses.get('201') ?? 0) > 0 && (statuses.get('400') ?? 0) > 0, 'some are valid and some are not')
  t.same(listAlarms(log), [], 'the log has no error')
  t.ok((await registerClient(url)).id, 'the service still works')
})

function write({ line, headers, bytes }: RawInput, port: number): Buffer {
  const own = [`host: localhost:${port}`, 'content-type: application/json', `content-length: ${BODY.length}`]
  // A length or host of the input replaces the proper one.
  const names = headers.map((text) => text.split(':')[0])
  const kept = own.filter((text) => !names.includes(text.split(':')[0]))
  const request = [line, ...kept, ...headers, '', BODY].join('\r\n')
  return changeBytes(Buffer.from(request), bytes)
}

/** Sends a request, half-closes the connection, and returns everything that comes back. */
async function sendRaw(port: number, request: Buffer): Promise<string> {
  const socket = connect(port, 'localhost')
  const closed = new Promise((resolve) => socket.once('close', resolve))
  await once(socket, 'connect')
  let response = ''
  socket.setEncoding('latin1').on('data', (part: string) => {
    response += part
  })
  socket.on('error', () => undefined).end(request)
  await closed
  return response
}

/** Either no response or responses of this service, without a 5xx and without the input. */
function assertRaw(response: string): void {
  if (response === '') return
  const isWhole = /^HTTP\/1\.1 [1-4]\d\d [A-Z][\w -]+\r\n/i.test(response)
  if (!isWhole || /HTTP\/1\.1 5\d\d/.test(response))
    throw new Error(`Not a response: ${response.slice(0, 300)}`)
  if (response.includes('ZQ<')) throw new Error(`A response repeats the input: ${response.slice(0, 300)}`)
  if (/"statusCode":|"code":"FST_/.test(response))
    throw new Error(`A response is Fastify's own: ${response.slice(0, 300)}`)
}
