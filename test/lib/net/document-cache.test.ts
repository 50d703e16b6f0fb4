import { mock } from 'node:test'
import { type Test, test } from 'tap'
import { createDocumentCache } from '../../../lib/net/document-cache.ts'
import { DocumentUnavailableError, type FetchedDocument } from '../../../lib/net/fetch-document.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

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
      fetches.push(url)
      return host.respond(url)
    },
    (content) => {
      if (content === 'invalid') throw new RangeError('refused')
      return String(content)
    },
  )
  return { cache, host, fetches, pass: (time: number) => mock.timers.tick(time) }
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

test('at most 1000 documents are cached, and the least recently used is evicted', async (t) => {
  const { cache, fetches } = openCache(t)
  await cache.read('in use')
  for (let number = 0; number < 999; number += 1) await cache.read(String(number))
  await cache.read('in use')
  await cache.read('one more')
  fetches.length = 0
  await cache.read('in use')
  t.equal(fetches.length, 0)
  await cache.read('0')
  t.equal(fetches.length, 1, 'the least recently used is gone')
})

test('at most 50 fetches run at once, and cached documents are served meanwhile', async (t) => {
  const { cache, host, fetches, pass } = openCache(t)
  await cache.read('known')
  pass(HOUR)
  const { promise, resolve } = Promise.withResolvers<FetchedDocument>()
  host.respond = () => promise
  const running = Array.from({ length: 50 }, (_, number) => cache.read(String(number)))
  await t.rejects(cache.read('one more'), DocumentUnavailableError)
  t.equal(await cache.read('known'), 'known')
  t.equal(fetches.length, 51)
  resolve({ content: 'late', maxAgeMs: 0 })
  await Promise.all(running)
  t.equal(await cache.read('one more'), 'late', 'the refusal was not cached')
})
