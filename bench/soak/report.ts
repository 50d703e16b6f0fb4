import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { formatTable } from '../report.ts'
import type { Observations } from './clients.ts'
import type { Gauge } from './instance.ts'

/** The parameters and results of a soak; gauges are one for each instance. */
export interface Soak {
  /** In seconds. */
  duration: number
  /** Calls a second that were to be made. */
  rate: number
  clients: number
  /** Streams open at the end. */
  openStreams: number
  observations: Observations
  warm: Gauge[]
  end: Gauge[]
  /** After the last response. */
  rest: Gauge[]
}

const REPORT = new URL('../../docs/soak.md', import.meta.url)
const MEGABYTE = 1024 * 1024

/** How much more than after the warm-up an instance may hold: a part, and a margin for what collections leave. */
const HEAP_GROWTH = { part: 0.15, bytes: 8 * MEGABYTE }
const DESCRIPTOR_GROWTH = 100

export function describeSoak({
  duration,
  rate,
  clients,
  openStreams,
  observations,
  ...gauges
}: Soak): string {
  const { times, streams, refreshes, toolErrors, failures } = observations
  const sorted = times.toSorted((left, right) => left - right)
  const percentile = (part: number) => `${(sorted[Math.floor(sorted.length * part)] ?? 0).toFixed(0)} ms`
  const failureCount = [...failures.values()].reduce((sum, count) => sum + count, 0)
  const seen = formatTable(
    ['', ''],
    [
      ['clients, signed in', String(clients)],
      [
        'calls',
        `${times.length} in ${duration.toFixed(0)} s: ${(times.length / duration).toFixed(0)} a second of ${rate}`,
      ],
      ['a call takes', `p50 ${percentile(0.5)}, p95 ${percentile(0.95)}, p99 ${percentile(0.99)}`],
      [
        'streams',
        `${openStreams} open at the end, ${streams.ended} ended with their response, ${streams.heartbeats} heartbeats`,
      ],
      ['refreshes', String(refreshes)],
      ['tool errors, for 429 and 502 at Sentry', String(toolErrors)],
      ['failures (5xx, 401, broken streams)', String(failureCount)],
    ],
  )
  const held = formatTable(
    ['an instance holds', 'heap', 'buffers', 'RSS', 'file descriptors'],
    (['warm', 'end', 'rest'] as const).map((moment) => [
      { warm: 'after the warm-up', end: 'at the end', rest: 'after the last response' }[moment],
      ...describeGauges(gauges[moment]),
    ]),
  )
  return `${seen}\n\n${held}`
}

function describeGauges(gauges: readonly Gauge[]): string[] {
  const join = (texts: (string | number)[]) => texts.join(' / ')
  const toMegabytes = (bytes: number) => `${(bytes / MEGABYTE).toFixed(0)} MB`
  return [
    join(gauges.map(({ heap }) => toMegabytes(heap))),
    join(gauges.map(({ buffers }) => toMegabytes(buffers))),
    join(gauges.map(({ rss }) => toMegabytes(rss))),
    join(gauges.map(({ descriptors }) => descriptors)),
  ]
}

/** The failures of a soak: requests, and growth. */
export function findFaults({ observations, warm, end }: Soak): string[] {
  const failures = [...observations.failures].map(([failure, count]) => `${count} × ${failure}`)
  const grown = end.flatMap((gauge, index) => {
    const before = warm[index] ?? gauge
    const heapLimit = (before.heap + before.buffers) * (1 + HEAP_GROWTH.part) + HEAP_GROWTH.bytes
    return [
      ...(gauge.heap + gauge.buffers > heapLimit ? [`Heap and buffers of instance ${index + 1} grew.`] : []),
      ...(gauge.descriptors > before.descriptors + DESCRIPTOR_GROWTH
        ? [`Instance ${index + 1} has more files open than before.`]
        : []),
    ]
  })
  const idle =
    observations.streams.ended === 0 || observations.refreshes === 0
      ? ['No stream ended, or nothing was refreshed.']
      : []
  return [...failures, ...grown, ...idle]
}

/** Writes docs/soak.md. */
export function writeReport(soak: Soak): void {
  const content = [
    '# Soak',
    '',
    'Written by `npm run soak -- --write`; do not edit. That command runs two instances on one Redis behind nginx with TLS,',
    'as `deploy/nginx.conf` has it, and uses them as many clients do: calls at a steady rate, streams that wait for a',
    'slow tool, tokens that last a minute and are refreshed, and a Sentry that at times responds 429 and 502. No client may',
    'see a 5xx, a 401 or a broken stream, and no instance may hold more at the end than after its warm-up, a quarter of',
    'the time. What happens when something fails is in [reliability.md](reliability.md).',
    '',
    `Measured with ${availableParallelism()} cores for everything: instances, nginx, Redis, Sentry and the clients.`,
    '',
    describeSoak(soak),
    '',
  ].join('\n')
  writeFileSync(REPORT, content)
}
