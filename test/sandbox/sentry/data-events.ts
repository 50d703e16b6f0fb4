import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { makePng } from './png.ts'
import { makeHex } from './sample-id.ts'

/** One event of an issue, with what only its detail page shows. */
export interface SentryEvent {
  id: string
  title: string
  message: string
  platform: string
  culprit: string
  dateCreated: Date
  tags: Record<string, string>
  user: EventUser | null
  exception: Exception | undefined
  breadcrumbs: Breadcrumb[]
  request: { method: string; url: string } | undefined
  contexts: Record<string, Record<string, unknown>>
  trace: { traceId: string; spanId: string } | undefined
  occurrence: Record<string, unknown> | undefined
  sdk: { name: string; version: string }
  /** Names and versions of what the process has loaded. */
  packages?: Record<string, string>
  extra?: Record<string, unknown>
  attachments: Attachment[]
}

export interface EventUser {
  id: string
  email: string
  name: string
  country: string
}

export interface Exception {
  type: string
  value: string
  mechanism: string
  handled: boolean
  frames: Frame[]
}

export interface Frame {
  filename: string
  function: string
  line: number
  column: number | null
  inApp: boolean
  /** The lines of source around `line`; the first one has the number `from`. */
  source?: { from: number; lines: string[] }
  vars?: Record<string, unknown>
}

export interface Breadcrumb {
  /** Seconds before the event. */
  before: number
  type: string
  category: string
  level: string
  message: string | null
  data?: Record<string, unknown>
}

export interface Attachment {
  id: string
  name: string
  type: 'event.attachment' | 'event.minidump'
  mimetype: string
  /** bytes */
  size: number
  sha1: string | null
  /** Its content, as a stream of its own each time. */
  open(): Readable
}

export type EventTemplate = Pick<
  SentryEvent,
  | 'title'
  | 'message'
  | 'platform'
  | 'culprit'
  | 'exception'
  | 'breadcrumbs'
  | 'request'
  | 'sdk'
  | 'packages'
  | 'extra'
> & {
  tags: Record<string, string>
  contexts?: Record<string, Record<string, unknown>>
  trace?: SentryEvent['trace']
  occurrence?: Record<string, unknown>
}

const MINUTE = 60_000

const USERS: EventUser[] = [
  { id: '9001', email: 'ines@reader.example', name: 'Ines Falk', country: 'DE' },
  { id: '9002', email: 'tomas@reader.example', name: 'Tomas Reyes', country: 'ES' },
  { id: '9003', email: 'aiko@reader.example', name: 'Aiko Mori', country: 'JP' },
  { id: '9004', email: 'ben@reader.example', name: 'Ben Okafor', country: 'NG' },
]

const BROWSERS = ['Firefox 149', 'Chrome 148', 'Safari 20', 'Chrome 148']

/** The events of an issue, one for each number of minutes before `now`, newest first. */
export function createEvents(
  shortId: string,
  template: EventTemplate,
  minutes: number[],
  now: number,
): SentryEvent[] {
  return minutes.map((age, index) => {
    const user = USERS[index % USERS.length] ?? null
    const browser = template.platform === 'javascript' ? BROWSERS[index % BROWSERS.length] : undefined
    return {
      ...template,
      id: makeHex(`event ${shortId} ${index}`),
      dateCreated: new Date(now - age * MINUTE),
      user,
      tags: { ...template.tags, ...(browser === undefined ? {} : { browser }) },
      contexts: {
        ...template.contexts,
        ...(browser === undefined
          ? {}
          : { browser: { name: browser.split(' ')[0], browser, type: 'browser' } }),
      },
      // Only the newest event belongs to the trace that the sandbox holds.
      trace: index === 0 ? template.trace : undefined,
      occurrence: template.occurrence,
      attachments: [],
    }
  })
}

/** A screenshot and a log, as an SDK attaches them. */
export function createAttachments(): Attachment[] {
  const log = [
    '12:04:31.120 info  cart loaded, 3 items',
    '12:04:33.871 warn  price of item 4471 is missing, the offer has ended',
    "12:04:33.874 error TypeError: Cannot read properties of undefined (reading 'amount')",
    '',
  ].join('\n')
  return [
    createAttachment('88001', 'screenshot.png', 'image/png', makePng(64, 40)),
    createAttachment('88002', 'console.log', 'text/plain', Buffer.from(log)),
  ]
}

function createAttachment(id: string, name: string, mimetype: string, content: Buffer): Attachment {
  return {
    id,
    name,
    type: 'event.attachment',
    mimetype,
    size: content.length,
    sha1: createHash('sha1').update(content).digest('hex'),
    open: () => Readable.from([content]),
  }
}
