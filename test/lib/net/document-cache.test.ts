import { mock } from 'node:test'
import { type Test, test } from 'tap'
import { createDocumentCache } from '../../../lib/net/document-cache.ts'
import { DocumentUnavailableError, type FetchedDocument } from '../../../lib/net/fetch-document.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** A cache whose documents a test makes, on a clock that a test moves. */
function openCache(t: Test) {
  mock.timers.enable({ apis: ['Date'], now: 1_700_000_000_000 })
  t.teardown(() => mock.timers.reset())
  const fetches: string[] = []
  const host = {
    answer: async (url: string): Promise<FetchedDocument> => ({ content: url, lifetime: HOUR }),
  }
  const cache = createDocumentCache(
    (url) => {
      fetches.push(url)
      return host.answer(url)
    },
    (content) => {
      if (content === 'invalid') throw new RangeError('refused')
      return String(content)
    },
  )
  return { cache, host, fetches, pass: (time: number) => mock.timers.tick(time) }
}

const fail = async (): Promise<FetchedDocument> => {
  throw new DocumentUnavailableError('away')
}

test('a document is kept for as long as it says, from five minutes to a day', async (t) => {
  const cases: [string, number, number][] = [
    ['nothing', 0, 5 * MINUTE],
    ['an hour', HOUR, HOUR],
    ['a month', 720 * HOUR, 24 * HOUR],
  ]
  for (const [what, lifetime, kept] of cases) {
    const { cache, host, fetches, pass } = openCache(t)
    host.answer = async (url) => ({ content: url, lifetime })
    t.equal(await cache.read('a'), 'a')
    pass(kept - 1)
    await cache.read('a')
    t.equal(fetches.length, 1, `${what}: kept`)
    pass(1)
    await cache.read('a')
    t.equal(fetches.length, 2, `${what}: fetched anew`)
    mock.timers.reset()
  }
})

test('requests for one document at the same time share one fetch', async (t) => {
  const { cache, fetches } = openCache(t)
  const values = await Promise.all(Array.from({ length: 50 }, () => cache.read('a')))
  t.same(new Set(values), new Set(['a']))
  t.equal(fetches.length, 1)
})

test('a failure is remembered for a minute', async (t) => {
  const { cache, host, fetches, pass } = openCache(t)
  const { answer } = host
  host.answer = fail
  await t.rejects(cache.read('a'), DocumentUnavailableError)
  host.answer = answer
  pass(MINUTE - 1)
  await t.rejects(cache.read('a'), DocumentUnavailableError)
  t.equal(fetches.length, 1)
  pass(1)
  t.equal(await cache.read('a'), 'a')
})

test('what was refused is refused for a minute as well', async (t) => {
  const { cache, host, fetches, pass } = openCache(t)
  host.answer = async () => ({ content: 'invalid', lifetime: HOUR })
  await t.rejects(cache.read('a'), RangeError)
  await t.rejects(cache.read('a'), RangeError)
  t.equal(fetches.length, 1)
  pass(MINUTE)
  await t.rejects(cache.read('a'), RangeError)
  t.equal(fetches.length, 2)
})

test('while its publisher is away, a document is good for a day, and tried again every minute (RFC 9111 §4.2.4)', async (t) => {
  const { cache, host, fetches, pass } = openCache(t)
  await cache.read('a')
  host.answer = fail
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

test('a document that its publisher has spoiled is not good any more', async (t) => {
  const { cache, host, pass } = openCache(t)
  await cache.read('a')
  host.answer = async () => ({ content: 'invalid', lifetime: HOUR })
  pass(HOUR)
  await t.rejects(cache.read('a'), RangeError)
  host.answer = fail
  pass(MINUTE)
  await t.rejects(cache.read('a'), DocumentUnavailableError, 'nor does the old one come back')
})

test('reading anew fetches at most once a minute', async (t) => {
  const { cache, fetches, pass } = openCache(t)
  await cache.readAnew('a')
  await cache.readAnew('a')
  t.equal(fetches.length, 1)
  pass(MINUTE)
  await Promise.all([cache.readAnew('a'), cache.readAnew('a')])
  t.equal(fetches.length, 2)
})

test('no more than 1000 documents are kept, and those in use longest', async (t) => {
  const { cache, fetches } = openCache(t)
  await cache.read('in use')
  for (let number = 0; number < 999; number += 1) await cache.read(String(number))
  await cache.read('in use')
  await cache.read('one more')
  fetches.length = 0
  await cache.read('in use')
  t.equal(fetches.length, 0)
  await cache.read('0')
  t.equal(fetches.length, 1, 'the one that was longest without use is gone')
})

test('no more than 50 fetches run at once, and what is known is answered meanwhile', async (t) => {
  const { cache, host, fetches, pass } = openCache(t)
  await cache.read('known')
  pass(HOUR)
  const { promise, resolve } = Promise.withResolvers<FetchedDocument>()
  host.answer = () => promise
  const running = Array.from({ length: 50 }, (_, number) => cache.read(String(number)))
  await t.rejects(cache.read('one more'), DocumentUnavailableError)
  t.equal(await cache.read('known'), 'known')
  t.equal(fetches.length, 51)
  resolve({ content: 'late', lifetime: 0 })
  await Promise.all(running)
  t.equal(await cache.read('one more'), 'late', 'nothing of it was remembered')
})
