import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'tap'
import type { SentrySandbox } from '../sandbox/sentry/server.ts'
import { registerClient } from '../support/client.ts'
import { postMcp } from '../support/mcp.ts'
import { callOf } from '../support/mcp-service.ts'
import { startService } from '../support/service.ts'

/** With base64 more than the buffers of a connection hold. */
const SIZE = Math.floor(4.9 * 1024 * 1024)

/** Readers that the budget for memory holds back while one response of this size is unsent. */
const UNREAD = 4

test('a client that never reads its result is disconnected, and others get theirs (CWE-772)', async (t) => {
  const { url, sentry, app } = await startService(t)
  const { access_token: token } = await (await registerClient(url)).signIn()
  const args = addAttachment(sentry)
  const served: Socket[] = []
  app.server.on('connection', (socket) => served.push(socket))
  const unread = await Promise.all(
    Array.from({ length: UNREAD }, () => sendAndNeverRead(url, token, callOf('get_event_attachment', args))),
  )
  for (const client of unread) t.teardown(() => client.destroy())

  // Each in its turn is written as far as the connection takes it, and holds its share of the budget.
  const ended: Socket[] = []
  const deadline = Date.now() + 60_000
  while (ended.length < UNREAD && Date.now() < deadline) {
    const complete = served.find((socket) => !ended.includes(socket) && socket.timeout === 30_000)
    if (complete === undefined) {
      await sleep(20)
      continue
    }
    t.ok(complete.writableLength > 0, 'it is not sent')
    // The rest of the half minute.
    complete.setTimeout(50)
    if (!complete.destroyed) await once(complete, 'close')
    ended.push(complete)
  }
  t.equal(ended.length, UNREAD)
  const response = await postMcp(`${url}/mcp`, token, 'tools/call', {
    name: 'get_event_attachment',
    arguments: args,
  })
  t.ok((await response.text()).length > SIZE, 'the next one is served')
})

/** Adds an attachment of `SIZE` bytes, and returns the arguments that fetch it. */
function addAttachment({ data }: SentrySandbox) {
  const issue = data.organizations[1]?.issues.find(({ shortId }) => shortId === 'TIDE-GAUGE-1')
  const [event] = issue?.events ?? []
  event?.attachments.push({
    ...{ id: '88109', name: 'a.bin', type: 'event.attachment', mimetype: 'application/octet-stream' },
    ...{ size: SIZE, sha1: null, open: () => Readable.from([Buffer.alloc(SIZE, 'x')]) },
  })
  return {
    organizationSlug: 'lantern-labs',
    projectSlug: 'tide-gauge',
    eventId: event?.id,
    attachmentId: '88109',
  }
}

async function sendAndNeverRead(url: string, token: string, message: object): Promise<Socket> {
  const socket = connect({ port: Number(new URL(url).port), host: 'localhost' })
  await once(socket, 'connect')
  const body = JSON.stringify({ ...message, id: 1 })
  const head = [
    'POST /mcp HTTP/1.1',
    `host: ${new URL(url).host}`,
    `authorization: Bearer ${token}`,
    'content-type: application/json',
    'accept: application/json',
    'mcp-protocol-version: 2025-06-18',
    `content-length: ${Buffer.byteLength(body)}`,
  ]
  socket.on('error', () => undefined)
  socket.pause()
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`)
  return socket
}
