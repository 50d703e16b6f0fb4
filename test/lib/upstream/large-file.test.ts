import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { test } from 'tap'
import { MAX_FILE_BYTES } from '../../../lib/upstream/large-file.ts'
import { AUTHORIZED, createCall, fetchIn, startHost } from './tool-request.ts'

const EVENT = '/api/0/projects/acme/web/events/1/attachments'
const RECORDING = '/api/0/projects/acme/web/replays/77/recording-segments/?download=true'
const IMAGE = '/api/0/organizations/acme/preprodartifacts/snapshots/1/images/cart.png/'
const MEBI = 1024 * 1024

/** Every kind of file that a tool downloads: its path, its media type, and the address that a result names. */
const FILES: [kind: string, path: string, type: string | undefined, address: string][] = [
  ['a binary attachment', `${EVENT}/2/?download=1`, 'application/octet-stream', `${EVENT}/2/?download=1`],
  ['an attachment of JSON', `${EVENT}/3/?download=1`, 'application/json', `${EVENT}/3/?download=1`],
  ['an attachment of text', `${EVENT}/4/?download=1`, 'text/plain; charset=utf-8', `${EVENT}/4/?download=1`],
  ['an image', IMAGE, 'image/png', IMAGE],
  ['a file without a type', IMAGE, undefined, IMAGE],
  ['an image with its type in capitals', IMAGE, 'IMAGE/PNG', IMAGE],
  ['the recording of a replay', RECORDING, 'application/json', '/organizations/acme/replays/77/'],
]

for (const [kind, path, type, address] of FILES) {
  const headers = type === undefined ? {} : { 'content-type': type }

  test(`${kind} of more than 5 MiB by its length is answered by its address, unread (CWE-770)`, async (t) => {
    const sent: number[] = []
    let size = 30 * MEBI
    const { origin } = await startHost(t, (_request, response) => {
      response.writeHead(200, { ...headers, 'content-length': size })
      void fill(response, size, sent)
    })
    const call = createCall(origin)
    await t.rejects(fetchIn(call, `${origin}${path}`, AUTHORIZED), { name: 'LargeFileError' })
    t.match(call.leftOut, [{ url: `${origin}${address}`, size }])
    t.ok((sent[0] ?? 0) < 20 * MEBI, `${sent[0]} bytes were sent, into the buffers of the connection`)
    size = MAX_FILE_BYTES + 1
    await t.rejects(fetchIn(createCall(origin), `${origin}${path}`, AUTHORIZED), { name: 'LargeFileError' })
  })

  test(`${kind} without a length is given up at 5 MiB, and one of 5 MiB is passed on (CWE-770)`, async (t) => {
    const sent: number[] = []
    let size = 40 * MEBI
    const { origin } = await startHost(t, (_request, response) => {
      response.writeHead(200, headers)
      void fill(response, size, sent)
    })
    const call = createCall(origin)
    await t.rejects(fetchIn(call, `${origin}${path}`, AUTHORIZED), { name: 'LargeFileError' })
    t.match(call.leftOut, [{ url: `${origin}${address}`, size: undefined }])
    t.ok((sent[0] ?? 0) < 20 * MEBI, `${sent[0]} of ${size} bytes were sent`)
    size = MAX_FILE_BYTES
    const response = await fetchIn(createCall(origin), `${origin}${path}`, AUTHORIZED)
    t.equal((await response.blob()).size, MAX_FILE_BYTES)
  })
}

test('a file that is larger than 5 MiB once it is unpacked is given up as well (CWE-409)', async (t) => {
  const packed = gzipSync(Buffer.alloc(8 * MEBI))
  const { origin } = await startHost(t, (_request, response) =>
    response
      .writeHead(200, {
        'content-type': 'image/png',
        'content-encoding': 'gzip',
        'content-length': packed.length,
      })
      .end(packed),
  )
  const call = createCall(origin)
  await t.rejects(fetchIn(call, `${origin}${IMAGE}`, AUTHORIZED), { name: 'LargeFileError' })
  t.match(call.leftOut, [{ size: undefined }])
})

test('a file that is cut off within its length is an error, not a short file', async (t) => {
  const { origin } = await startHost(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'image/png', 'content-length': 4 * MEBI })
    response.write(Buffer.alloc(MEBI), () => response.destroy())
  })
  await t.rejects(fetchIn(createCall(origin), `${origin}${IMAGE}`, AUTHORIZED), { name: 'ToolFetchError' })
})

test('an image that Sentry keeps elsewhere has the same limit', async (t) => {
  const sent: number[] = []
  const storage = await startHost(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'image/png', 'content-length': 30 * MEBI })
    void fill(response, 30 * MEBI, sent)
  })
  const call = createCall('https://sentry.example.com')
  await t.rejects(fetchIn(call, `${storage.origin}/cart.png`), { name: 'LargeFileError' })
  t.match(call.leftOut, [{ url: `${storage.origin}/cart.png`, size: 30 * MEBI }])
})

test('data and errors of Sentry may have more than 5 MiB, since they are not files', async (t) => {
  let status = 200
  const body = JSON.stringify([{ message: 'a'.repeat(6 * MEBI) }])
  const { origin } = await startHost(t, (_request, response) =>
    response.writeHead(status, { 'content-type': 'application/JSON; charset=utf-8' }).end(body),
  )
  const url = `${origin}/api/0/organizations/acme/issues/`
  t.equal(await readLength(await fetchIn(createCall(origin), url, AUTHORIZED)), 6 * MEBI)
  status = 404
  const refused = await fetchIn(createCall(origin), `${origin}${EVENT}/2/`, AUTHORIZED)
  t.equal(refused.status, 404)
  t.equal(await readLength(refused), 6 * MEBI)
})

async function readLength(response: Response): Promise<number | undefined> {
  const [first] = (await response.json()) as { message: string }[]
  return first?.message.length
}

/** Writes so many bytes for as long as they are read; `sent` gets how many the connection took. */
async function fill(response: ServerResponse, size: number, sent: number[]): Promise<void> {
  const chunk = Buffer.alloc(64 * 1024, 'a')
  const closed = once(response, 'close')
  for (let written = 0; written < size && !response.destroyed; written += chunk.length) {
    sent[0] = written
    const rest = chunk.subarray(0, size - written)
    if (!response.write(rest)) await Promise.race([once(response, 'drain'), closed])
  }
  response.end()
}
