import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { createDrain } from '../../../lib/http/drain.ts'

const PAUSE = 150

/** A server on loopback that answers at once, or at `/slow` when it is told to. */
async function start(t: Test) {
  const { promise: told, resolve: finish } = Promise.withResolvers<void>()
  const server = createServer(async (incoming, outgoing) => {
    if (incoming.url === '/slow') {
      outgoing.write('begun, ')
      await told
    }
    outgoing.end('done')
  })
  const drain = createDrain(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => void server.close().closeAllConnections())
  return { server, drain, finish, port: (server.address() as AddressInfo).port }
}

/** One connection that is kept, as a proxy keeps it. */
function createClient(t: Test, port: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  return async (path = '/') => {
    const [answer] = (await once(request({ port, path, agent }).end(), 'response')) as [IncomingMessage]
    return { answer, text: async () => Buffer.concat(await answer.toArray()).toString() }
  }
}

test('after the announcement everything is served, also on new connections', async (t) => {
  const { drain, port } = await start(t)
  const [old, fresh] = [createClient(t, port), createClient(t, port)]
  await (await old()).text()
  const emptied = drain.empty(PAUSE)
  t.ok(drain.isDraining)
  for (const ask of [old, fresh]) {
    const { answer, text } = await ask()
    t.equal(await text(), 'done')
    t.equal(answer.headers.connection, 'keep-alive', 'nobody is sent to a new connection')
  }
  await emptied
})

test('a kept connection takes one more request when nobody else can connect, and ends with notice', async (t) => {
  const { server, drain, port } = await start(t)
  const ask = createClient(t, port)
  await (await ask()).text()
  const emptied = drain.empty(PAUSE)
  while (server.listening) await sleep(5)
  await t.rejects(once(connect(port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' })
  const { answer, text } = await ask()
  t.equal(await text(), 'done')
  t.equal(answer.headers.connection, 'close')
  const before = Date.now()
  await emptied
  t.ok(Date.now() - before < PAUSE, 'and nothing else is waited for')
})

test('an answer under way is finished, however long it takes, and its connection is not closed on it', async (t) => {
  const { drain, port, finish } = await start(t)
  const ask = createClient(t, port)
  const { text } = await ask('/slow')
  let isEmpty = false
  const emptied = drain.empty(PAUSE).then(() => {
    isEmpty = true
  })
  await sleep(PAUSE * 4)
  t.notOk(isEmpty)
  finish()
  t.equal(await text(), 'begun, done')
  await sleep(PAUSE / 2)
  const { answer } = await ask()
  t.equal(answer.headers.connection, 'close', 'whoever knows of no end may use it once more')
  await emptied
})

test('connections that nobody uses end after a pause', async (t) => {
  const { server, drain, port } = await start(t)
  await (await createClient(t, port)()).text()
  const unused = connect(port, '127.0.0.1')
  await once(unused, 'connect')
  const ended = once(unused, 'close')
  unused.resume()
  const emptied = drain.empty(PAUSE)
  while (server.listening) await sleep(5)
  const closedAt = Date.now()
  await Promise.all([emptied, ended])
  t.ok(Date.now() - closedAt >= PAUSE, 'and not before')
})
