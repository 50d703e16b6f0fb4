import { randomUUID } from 'node:crypto'
import { mock } from 'node:test'
import { type Test, test } from 'tap'
import { createDocumentCache } from '../../../lib/net/document-cache.ts'
import { DocumentUnavailableError, type FetchedDocument } from '../../../lib/net/fetch-document.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const ORIGIN = 'https://client.example/'

/** A path of the usual host, or a whole URL. */
function locate(path: string): string {
  return path.startsWith('https:') ? path : `${ORIGIN}${encodeURIComponent(path)}`
}

/** A cache of documents that the test serves, on a clock that the test advances. */
function openCache(t: Test) {
  mock.timers.enable({ apis: ['Date'], now: 1_700_000_000_000 })
  t.teardown(() => mock.timers.reset())
  const fetches: string[] = []
  const host = {
    respond: async (url: string): Promise<FetchedDocument> => ({ content: url, maxAgeMs: HOUR }),
  }
  const cache = createDocumentCache(
    (url) => {
      const path = url.startsWith(ORIGIN) ? decodeURIComponent(url.slice(ORIGIN.length)) : url
      fetches.push(path)
      return host.respond(path)
    },
    (content) => {
      if (content === 'invalid') throw new RangeError('refused')
      return String(content)
    },
  )
  return {
    cache: {
      read: (path: string, requester = 'a requester') => cache.read(locate(path), requester),
      refresh: (path: string) => cache.refresh(locate(path), 'a requester'),
      keep: (path: string) => cache.keep(locate(path)),
    },
    host,
    fetches,
    pass: (time: number) => mock.timers.tick(time),
  }
}

const fail = async (): Promise<FetchedDocument> => {
  throw new DocumentUnavailableError('unreachable')
}

test('a document is cached for as long as it says, from five minutes to a day', async (t) => {
  const cases: [string, number, number][] = [
    ['nothing', 0, 5 * MINUTE],
    ['an hour', HOUR, HOUR],
    ['a month', 720 * HOUR, 24 * HOUR],
  ]
  for (const [what, maxAgeMs, ttl] of cases) {
    const { cache, host, fetches, pass } = openCache(t)
    host.respond = async (url) => ({ content: url, maxAgeMs })
    t.equal(await cache.read('a'), 'a')
    pass(ttl - 1)
    await cache.read('a')
    t.equal(fetches.length, 1, `${what}: cached`)
    pass(1)
    await cache.read('a')
    t.equal(fetches.length, 2, `${what}: fetched again`)
    mock.timers.reset()
  }
})

test('concurrent requests for one document share one fetch', async (t) => {
  const { cache, fetches } = openCache(t)
  const values = await Promise.all(Array.from({ length: 50 }, () => cache.read('a')))
  t.same(new Set(values), new Set(['a']))
  t.equal(fetches.length, 1)
})

test('a failure is cached for a minute', async (t) => {
  const { cache, host, fetches, pass } = openCache(t)
  const { respond } = host
  host.respond = fail
  await t.rejects(cache.read('a'), DocumentUnavailableError)
  host.respond = respond
  pass(MINUTE - 1)
  await t.rejects(cache.read('a'), DocumentUnavailableError)
  t.equal(fetches.length, 1)
  pass(1)
  t.equal(await cache.read('a'), 'a')
})

test('a refused document is refused for a minute without a fetch', async (t) => {
  const { cache, host, fetches, pass } = openCache(t)
  host.respond = async () => ({ content: 'invalid', maxAgeMs: HOUR })
  await t.rejects(cache.read('a'), RangeError)
  await t.rejects(cache.read('a'), RangeError)
  t.equal(fetches.length, 1)
  pass(MINUTE)
  await t.rejects(cache.read('a'), RangeError)
  t.equal(fetches.length, 2)
})

test('while its publisher is unreachable, a document is served for a day and retried every minute (RFC 9111 §4.2.4)', async (t) => {
  const { cache, host, fetches, pass } = openCache(t)
  await cache.read('a')
  host.respond = fail
  pass(HOUR)
  t.equal(await cache.read('a'), 'a')
  t.equal(await cache.read('a'), 'a')
  t.equal(fetches.length, 2)
  pass(MINUTE)
  t.equal(await cache.read('a'), 'a')
  t.equal(fetches.length, 3)
  pass(23 * HOUR)
  await t.rejects(cache.read('a'), DocumentUnavailableError)
})

test('a document that has become invalid is no longer served', async (t) => {
  const { cache, host, pass } = openCache(t)
  await cache.read('a')
  host.respond = async () => ({ content: 'invalid', maxAgeMs: HOUR })
  pass(HOUR)
  await t.rejects(cache.read('a'), RangeError)
  host.respond = fail
  pass(MINUTE)
  await t.rejects(cache.read('a'), DocumentUnavailableError, 'the old one does not come back')
})

test('refreshing fetches at most once a minute', async (t) => {
  const { cache, fetches, pass } = openCache(t)
  await cache.refresh('a')
  await cache.refresh('a')
  t.equal(fetches.length, 1)
  pass(MINUTE)
  await Promise.all([cache.refresh('a'), cache.refresh('a')])
  t.equal(fetches.length, 2)
})

/** A requester who is counted alone. */
const createRequester = () => randomUUID()

test('at most 1000 documents are cached, and the least recently used is evicted', async (t) => {
  const { cache, fetches } = openCache(t)
  await cache.read('in use')
  for (let number = 0; number < 999; number += 1) await cache.read(String(number), createRequester())
  await cache.read('in use')
  await cache.read('one more', createRequester())
  fetches.length = 0
  await cache.read('in use')
  t.equal(fetches.length, 0)
  await cache.read('0', createRequester())
  t.equal(fetches.length, 1, 'the least recently used is gone')
})

test('made-up URLs do not evict documents: failures are cached apart', async (t) => {
  const { cache, host, fetches } = openCache(t)
  const { respond } = host
  await cache.read('honest')
  host.respond = fail
  for (let number = 0; number < 1_500; number += 1) {
    await t.rejects(cache.read(`made up ${number}`, createRequester()), DocumentUnavailableError)
  }
  host.respond = respond
  fetches.length = 0
  t.equal(await cache.read('honest'), 'honest')
  t.equal(fetches.length, 0)
})

test('documents that grants depend on are not evicted by others', async (t) => {
  const { cache, fetches } = openCache(t)
  await cache.read('granted')
  cache.keep('granted')
  cache.keep('unknown')
  for (let number = 0; number < 1_500; number += 1) await cache.read(String(number), createRequester())
  fetches.length = 0
  t.equal(await cache.read('granted'), 'granted')
  t.equal(fetches.length, 0)
})

test('fetches at once are bounded: 50, of them 4 for a host and 4 for a requester', async (t) => {
  const { cache, host, fetches, pass } = openCache(t)
  await cache.read('known')
  await cache.read('granted')
  cache.keep('granted')
  pass(HOUR)
  const { promise, resolve } = Promise.withResolvers<FetchedDocument>()
  host.respond = () => promise
  const readAt = (number: number, requester: string) =>
    cache.read(`https://host-${number}.example/${requester}`, requester)

  const ofHost = [1, 2, 3, 4].map((number) => cache.read(`slow ${number}`, createRequester()))
  await t.rejects(cache.read('slow 5', createRequester()), DocumentUnavailableError, 'one host')
  const ofRequester = [1, 2, 3, 4].map((number) => readAt(number, 'a stranger'))
  await t.rejects(readAt(5, 'a stranger'), DocumentUnavailableError, 'one requester')
  const others = Array.from({ length: 42 }, (_, number) => readAt(100 + number, createRequester()))
  await t.rejects(readAt(200, createRequester()), DocumentUnavailableError, 'all together')
  t.equal(fetches.length, 2 + 50)

  t.equal(await cache.read('known'), 'known', 'what is cached is served meanwhile')
  const again = cache.read('granted')
  t.equal(fetches.length, 2 + 51, 'a document with a grant is fetched all the same')
  resolve({ content: 'late', maxAgeMs: 0 })
  await Promise.all([...ofHost, ...ofRequester, ...others, again])
  t.equal(await readAt(200, createRequester()), 'late', 'the refusal was not cached')
})

test('one requester has at most 20 new documents fetched within a minute', async (t) => {
  const { cache, fetches, pass } = openCache(t)
  await cache.read('known', 'another requester')
  for (let number = 0; number < 20; number += 1) await cache.read(String(number), 'a stranger')
  await t.rejects(cache.read('20', 'a stranger'), DocumentUnavailableError)
  t.equal(await cache.read('19', 'a stranger'), '19', 'what is cached is not new')
  t.equal(await cache.read('known', 'a stranger'), 'known')
  t.equal(await cache.read('20', 'another requester'), '20', 'others are not held up')
  t.equal(fetches.length, 22)
  pass(MINUTE)
  t.equal(await cache.read('21', 'a stranger'), '21')
})
