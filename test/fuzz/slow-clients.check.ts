import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'tap'
import { registerClient } from '../support/client.ts'
import { listAlarms } from '../support/log.ts'
import { startService, useRedisStore } from '../support/service.ts'

/** Slow clients at once. */
const SLOW = 200

/** A request must arrive within 30 s, and Node checks its connections every 5 s. */
const CLOSE_TIMEOUT_MS = 40_000

/** Between two bytes of a slow client. */
const INTERVAL_MS = 1_000

const HEAD = 'POST /oauth/register HTTP/1.1\r\nhost: localhost\r\n'

/** What a slow client sends at once, and what it then sends repeatedly. */
const WAYS = {
  headers: { start: `${HEAD}x-slow: `, drop: 'a' },
  body: { start: `${HEAD}content-type: application/json\r\ncontent-length: 9999\r\n\r\n{`, drop: ' ' },
  chunks: {
    start: `${HEAD}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n`,
    drop: '1\r\n \r\n',
  },
  nothing: { start: '', drop: '' },
}

test('slow clients get 408 in time and do not slow others down', async (t) => {
  t.setTimeout(120_000)
  const settings = { ...(await useRedisStore(t)), LOG_LEVEL: 'error', RATE_LIMIT_OAUTH: '0' }
  const { url, log } = await startService(t, { settings })
  const port = Number(new URL(url).port)
  while ((await fetch(`${url}/health/ready`)).status !== 200) await sleep(20)
  log.length = 0
  const ways = Object.entries(WAYS)
  const slow = Array.from({ length: SLOW }, (_, index) =>
    beSlow(port, ways[index % ways.length] ?? ['', WAYS.nothing]),
  )
  const over = new AbortController()
  const others = measureOthers(url, over.signal)

  const ends = await Promise.all(slow)
  over.abort()
  for (const [name] of ways) {
    const own = ends.filter((end) => end.name === name)
    const longest = Math.max(...own.map(({ after }) => after))
    t.comment(`${own.length} slow with ${name}: ended after ${(longest / 1000).toFixed(1)} s at the latest`)
    t.ok(longest < CLOSE_TIMEOUT_MS, `slow with ${name}`)
    t.ok(
      own.every(
        ({ response }) =>
          response.startsWith('HTTP/1.1 408 ') && response.endsWith('{"error":"invalid_request"}'),
      ),
      'with 408 and the reason',
    )
  }
  const times = await others
  const p99 = times.toSorted((left, right) => left - right)[Math.floor(times.length * 0.99)] ?? Number.NaN
  t.comment(`${times.length} requests of other clients, p99 ${p99.toFixed(1)} ms`)
  t.ok(p99 < 1_000, 'other clients get responses as fast as ever')
  t.same(listAlarms(log), [], 'the log has no error')
})

/** The times of another client's requests, one after the other, in ms. */
async function measureOthers(url: string, signal: AbortSignal): Promise<number[]> {
  const times: number[] = []
  while (!signal.aborted) {
    const startedAt = performance.now()
    await registerClient(url)
    times.push(performance.now() - startedAt)
    await sleep(50)
  }
  return times
}

interface End {
  name: string
  response: string
  after: number
}

/** Sends a request slowly, and resolves when the server has closed the connection. */
async function beSlow(
  port: number,
  [name, { start, drop }]: [string, { start: string; drop: string }],
): Promise<End> {
  const beganAt = Date.now()
  const socket = connect(port, 'localhost')
  const closed = new Promise((resolve) => socket.once('close', resolve))
  await once(socket, 'connect')
  let response = ''
  socket.setEncoding('utf8').on('data', (part: string) => {
    response += part
  })
  socket.on('error', () => undefined).write(start)
  const timer = setInterval(() => socket.write(drop), INTERVAL_MS)
  await closed
  clearInterval(timer)
  return { name, response, after: Date.now() - beganAt }
}
