import { Readable } from 'node:stream'
import type { Issue, Project } from './data.ts'
import {
  type Attachment,
  type Breadcrumb,
  createEvents,
  type EventTemplate,
  type Frame,
} from './data-events.ts'
import { createIssue, frame, fromException } from './data-issue.ts'
import type { Span } from './data-trace.ts'
import { makeHex } from './sample-id.ts'

/**
 * A project in the sizes of a busy one, all of it generated: a hundred and more issues, an event of some 40 KB, a trace
 * of 2,000 spans, attachments of 4 and 19 MB. Its texts name piers and gauges, which no other project does.
 */

const SDK = { name: 'sentry.rust', version: '0.42.0' }
const KILOBYTE = 1024
const MEGABYTE = 1024 * KILOBYTE
const MINUTE = 60_000

/** Enough for two pages of a hundred. */
export const GAUGE_ISSUES = 120
export const GAUGE_SPANS = 2000
export const GAUGE_TRACE = makeHex('trace gauge')

/** The same in every stand-in, and tests start many. */
const SPAN_IDS: string[] = []

export function createTideGaugeIssues(project: Project, now: number): Issue[] {
  return Array.from({ length: GAUGE_ISSUES }, (_, index) => {
    const shortId = `TIDE-GAUGE-${index + 1}`
    const ages = Array.from({ length: 1 + (index % 4) }, (__, event) => 30 + index * 17 + event * 240)
    const template = index === 0 ? createLargeTemplate() : createTemplate(index)
    const events = createEvents(shortId, template, ages, now)
    if (index === 0) events[0]?.attachments.push(...createLargeAttachments())
    return createIssue(project, String(74001 + index), shortId, events, {
      priority: index % 5 === 0 ? 'high' : 'medium',
      level: 'error',
    })
  })
}

function createTemplate(index: number): EventTemplate {
  const pier = `pier-${1 + (index % 12)}`
  return {
    ...fromException('rust', `gauge::read (${pier})`, {
      type: index % 3 === 0 ? 'ReadingOutOfRange' : 'GaugeSilent',
      value: `gauge ${index + 1} at ${pier} sent ${index % 3 === 0 ? 'a level above its mast' : 'nothing for an hour'}`,
      mechanism: 'panic',
      handled: index % 2 === 0,
      frames: [frame('src/gauge.rs', 'read', 40 + index, true)],
    }),
    sdk: SDK,
    tags: {
      environment: 'production',
      release: 'tide-gauge@3.1.0',
      level: 'error',
      handled: index % 2 === 0 ? 'yes' : 'no',
      server_name: pier,
    },
  }
}

/** Deep stack, source around every frame, variables, a hundred breadcrumbs, contexts and the modules of the process. */
function createLargeTemplate(): EventTemplate {
  const template = createTemplate(0)
  const frames = Array.from({ length: 40 }, (_, depth): Frame => {
    const line = 100 + depth * 7
    return {
      ...frame(`src/pipeline/stage_${depth}.rs`, `pipeline::stage_${depth}::poll`, line, depth % 4 !== 0),
      source: {
        from: line - 3,
        lines: Array.from(
          { length: 7 },
          (__, row) => `    let reading_${row} = gauge.next(${depth}).await?;`,
        ),
      },
      vars: { depth, reading: 4.2 + depth, pier: 'pier-1', retries: depth % 3, buffer: 'x'.repeat(40) },
    }
  })
  const breadcrumbs = Array.from(
    { length: 100 },
    (_, index): Breadcrumb => ({
      before: 100 - index,
      type: 'http',
      category: 'gauge.poll',
      level: 'info',
      message: `polled gauge ${index} of the harbour`,
      data: { method: 'GET', url: `https://gauges.lantern.example/v1/readings/${index}`, status_code: 200 },
    }),
  )
  const packages = Object.fromEntries(
    Array.from({ length: 150 }, (_, index) => [`crate_${index}`, `${1 + (index % 9)}.${index % 20}.0`]),
  )
  if (template.exception === undefined) throw new Error('The template has an exception.')
  return {
    ...template,
    exception: { ...template.exception, frames },
    breadcrumbs,
    packages,
    extra: { calibration: { offset: -0.04, points: Array.from({ length: 24 }, (_, hour) => hour / 10) } },
    contexts: {
      os: { type: 'os', name: 'Linux', version: '6.12.8', kernel_version: '6.12.8-gauge' },
      device: { type: 'device', name: 'gauge-1', arch: 'aarch64', memory_size: 536_870_912 },
      runtime: { type: 'runtime', name: 'rustc', version: '1.93.0' },
    },
    trace: { traceId: GAUGE_TRACE, spanId: makeSpanId(0) },
  }
}

/** Generated as they are read, so that no process holds them. */
function createLargeAttachments(): Attachment[] {
  const row = `2026-01-12T09:40:52Z pier-1 level=4.213 battery=3.91 ${'.'.repeat(75)}\n`
  return [
    {
      id: '88101',
      name: 'readings.log',
      type: 'event.attachment',
      mimetype: 'text/plain',
      size: 4 * MEGABYTE,
      sha1: null,
      open: () => Readable.from(repeat(Buffer.from(row), 4 * MEGABYTE)),
    },
    {
      id: '88102',
      name: 'gauge.dmp',
      type: 'event.minidump',
      mimetype: 'application/octet-stream',
      size: 19 * MEGABYTE,
      sha1: null,
      open: () => Readable.from(repeat(Buffer.from(makeHex('minidump', 64), 'hex'), 19 * MEGABYTE)),
    },
  ]
}

function* repeat(pattern: Buffer, size: number): Generator<Buffer> {
  const chunk = Buffer.alloc(Math.floor((64 * KILOBYTE) / pattern.length) * pattern.length, pattern)
  for (let sent = 0; sent < size; sent += chunk.length) yield chunk.subarray(0, size - sent)
}

/** Every fourth span opens a level below the last, up to ten levels; every fiftieth is a transaction. */
export function createGaugeSpans(now: number): Span[] {
  const startedAt = now - 30 * MINUTE
  const path: number[] = []
  return Array.from({ length: GAUGE_SPANS }, (_, index): Span => {
    const depth = index === 0 ? 0 : 1 + (Math.floor(index / 4) % 10)
    path.length = depth
    const parent = path.at(-1)
    path.push(index)
    return {
      id: makeSpanId(index),
      parentId: parent === undefined ? undefined : makeSpanId(parent),
      traceId: GAUGE_TRACE,
      transaction: 'collect readings',
      isTransaction: index % 50 === 0,
      project: 'tide-gauge',
      op: index % 3 === 0 ? 'http.client' : index % 3 === 1 ? 'db' : 'function',
      description: index === 0 ? 'collect readings' : `read gauge ${index} at pier-${1 + (index % 12)}`,
      status: 'ok',
      startedAt: new Date(startedAt + index * 5),
      duration: index === 0 ? 10_400 : 60 - (index % 50),
      tags: { environment: 'production', server_name: `pier-${1 + (index % 12)}` },
    }
  })
}

function makeSpanId(index: number): string {
  SPAN_IDS[index] ??= makeHex(`gauge span ${index}`, 16)
  return SPAN_IDS[index]
}
