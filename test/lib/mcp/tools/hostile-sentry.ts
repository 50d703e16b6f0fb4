import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { Test } from 'tap'
import { type SentrySandbox, startSentry } from '../../../sandbox/sentry/server.ts'
import { listTexts, type Place } from './hostile-events.ts'

/** The members of Sentry's JSON in which the texts of a place stand. */
const MEMBERS: Partial<Record<string, Place>> = {
  message: 'message',
  value: 'message',
  title: 'title',
  username: 'user name',
  display_name: 'user name',
  url: 'url',
  comments: 'feedback',
  text: 'comment',
  function: 'function',
  description: 'span',
  'span.description': 'span',
  shortVersion: 'release',
  transaction: 'transaction',
  culprit: 'transaction',
  // Seer writes from what is in the event.
  one_line_description: 'message',
  one_line_summary: 'message',
  content: 'message',
}

/** What strangers cannot write: a file as it is, what members configure, and what the caller itself has just made. */
const INSIDE =
  /download=1|\/(?:dashboards|teams|rules|alert-rules|combined-rules|keys|members)\/|^POST .*\/uptime\//

/** A stand-in whose data strangers wrote: each hostile text stands wherever its place is. Seer has analyzed each issue. */
export async function startHostileSentry(t: Test): Promise<SentrySandbox> {
  const sandbox = await startSentry({ seerPolls: 0 })
  t.teardown(() => sandbox.close())
  for (const issue of sandbox.data.organizations.flatMap(({ issues }) => issues))
    issue.seerRun = { id: Number(issue.id) + 800_000, startedAt: new Date(), polls: 0 }
  const server = createServer(async (request, response) => {
    const { authorization = '' } = request.headers
    const { method = 'GET' } = request
    const sent = await fetch(`${sandbox.url}${request.url}`, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      ...(method !== 'GET' && { body: await buffer(request) }),
    })
    const type = sent.headers.get('content-type') ?? ''
    const body = Buffer.from(await sent.arrayBuffer())
    const link = sent.headers.get('link')
    response.writeHead(sent.status, { 'content-type': type, ...(link !== null && { link }) })
    const isData = type.includes('json') && !INSIDE.test(`${method} ${request.url}`)
    response.end(isData ? JSON.stringify(plant(JSON.parse(body.toString()), request.url ?? '')) : body)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return { ...sandbox, host, url: `http://${host}` }
}

function joinTexts(place: Place): string {
  return listTexts(place).join('\n')
}

let picked = 0

/** One text at a place after the other, where a tool shows only the first line or so. */
function pickText(place: Place): string {
  const texts = listTexts(place)
  picked += 1
  return texts[picked % texts.length] ?? ''
}

/** The same JSON with hostile texts. `where` is the path of URL and members. */
function plant(node: unknown, where: string): unknown {
  if (Array.isArray(node)) {
    // A line of source: its number and text.
    if (/context$/.test(where) && typeof node[0] === 'number') return [node[0], joinTexts('source line')]
    return node.map((item) => plant(item, where))
  }
  if (typeof node !== 'object' || node === null) return node
  const planted = Object.entries(node).map(([key, value]) => {
    const path = `${where} ${key}`
    return [
      renameKey(key, where),
      typeof value === 'string' ? replace(key, value, where) : plant(value, path),
    ]
  })
  return Object.fromEntries(planted)
}

function replace(key: string, value: string, where: string): string {
  if (/ tags$/.test(where) || /\/tags\//.test(where)) {
    return key === 'key' ? joinTexts('tag key') : key === 'value' ? joinTexts('tag value') : value
  }
  if (/contexts device$/.test(where) && key === 'name') return joinTexts('device')
  if (/attachments\/$/.test(where.split(' ')[0] ?? '') && key === 'name') return joinTexts('attachment name')
  if (/commit/i.test(where) && key === 'message') return joinTexts('commit message')
  if (/dataset=(?:logs|ourlogs)/.test(where) && key === 'message') return joinTexts('log')
  if (/entries data values$/.test(where) && key === 'message') return pickText('breadcrumb')
  const place = MEMBERS[key]
  return place === undefined ? value : joinTexts(place)
}

function renameKey(key: string, where: string): string {
  if (/ contexts$/.test(where) && key !== 'trace') return `${key} ${joinTexts('context name')}`
  if (/ contexts \S+$/.test(where) && key !== 'type') return `${key} ${joinTexts('context key')}`
  return / context$/.test(where) ? `${key} ${joinTexts('extra key')}` : key
}
