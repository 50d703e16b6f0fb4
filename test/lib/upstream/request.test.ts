import { gzipSync } from 'node:zlib'
import { test } from 'tap'
import { readBounded } from '../../../lib/http/read-bounded.ts'
import { createSentryLocation } from '../../../lib/upstream/location.ts'
import { fetchSentry } from '../../../lib/upstream/request.ts'
import { startHost } from './tool-request.ts'

test('a packed response is read unpacked, and its limit counts unpacked bytes (RFC 9110 §8.4.1)', async (t) => {
  const sentry = await startHost(t, (_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('a'.repeat(100_000)))
  })
  const read = async (maxBytes: number) => {
    const { body } = await fetchSentry(locate(sentry.origin), new URL(sentry.origin))
    return readBounded(body, maxBytes)
  }
  t.equal((await read(100_000)).length, 100_000)
  t.equal(sentry.requests[0]?.headers['accept-encoding'], 'gzip')
  await t.rejects(read(99_999), { name: 'BodyTooLargeError' })
})

test('a response that says gzip and is not rejects', async (t) => {
  const sentry = await startHost(t, (_request, response) => {
    response.writeHead(200, { 'content-encoding': 'gzip' }).end('plain')
  })
  const { body } = await fetchSentry(locate(sentry.origin), new URL(sentry.origin))
  await t.rejects(readBounded(body, 100))
})

test('a response without a body has none (Fetch, null body status)', async (t) => {
  const sentry = await startHost(t, (_request, response) => response.writeHead(204).end())
  const { status, body } = await fetchSentry(locate(sentry.origin), new URL(sentry.origin))
  t.same({ status, body }, { status: 204, body: null })
})

test('a form and bytes are sent with the media type of their kind (Fetch, extract a body)', async (t) => {
  const sentry = await startHost(t)
  const send = (body: RequestInit['body']) =>
    fetchSentry(locate(sentry.origin), new URL(sentry.origin), { method: 'POST', body })
  await send(new URLSearchParams({ a: 'b c' }))
  await send(new TextEncoder().encode('bytes'))
  const types = sentry.requests.map(({ headers }) => headers['content-type'])
  t.same(types, ['application/x-www-form-urlencoded;charset=UTF-8', undefined])
})

function locate(origin: string) {
  return createSentryLocation({ SENTRY_HOST: new URL(origin).host, SENTRY_PROTOCOL: 'http' })
}
