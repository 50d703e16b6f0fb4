import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request } from 'node:http'
import { type AddressInfo, connect, Server as NetServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { createDrain } from '../../../lib/http/drain.ts'

const NOTICE_MS = 150

/** A server on loopback that responds immediately, or at `/slow` once `finish` is called. */
async function start(t: Test) {
  const { promise: finished, resolve: finish } = Promise.withResolvers<void>()
  const server = createServer(async (incoming, outgoing) => {
    if (incoming.url === '/slow') {
      outgoing.write('begun, ')
      await finished
    }
    outgoing.end('done')
  })
  const drain = createDrain(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => void server.close().closeAllConnections())
  return { server, drain, finish, port: (server.address() as AddressInfo).port }
}

/** A client with one keep-alive connection, as a proxy has it. */
function createClient(t: Test, port: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  return async (path = '/') => {
    const [response] = (await once(request({ port, path, agent }).end(), 'response')) as [IncomingMessage]
    return { response, text: async () => Buffer.concat(await response.toArray()).toString() }
  }
}

test('during the notice requests are served, on new connections too', async (t) => {
  const { drain, port } = await start(t)
  const [old, fresh] = [createClient(t, port), createClient(t, port)]
  await (await old()).text()
  const drained = drain.run(NOTICE_MS)
  t.ok(drain.isDraining)
  for (const get of [old, fresh]) {
    const { response, text } = await get()
    t.equal(await text(), 'done')
    t.equal(response.headers.connection, 'keep-alive', 'connections are kept')
  }
  await drained
})

test('once the listener is closed, a kept connection serves one more request, which closes it', async (t) => {
  const { server, drain, port } = await start(t)
  const get = createClient(t, port)
  await (await get()).text()
  const drained = drain.run(NOTICE_MS)
  while (server.listening) await sleep(5)
  await t.rejects(once(connect(port, '127.0.0.1'), 'connect'), { code: 'ECONNREFUSED' })
  const { response, text } = await get()
  t.equal(await text(), 'done')
  t.equal(response.headers.connection, 'close')
  const before = Date.now()
  await drained
  t.ok(Date.now() - before < NOTICE_MS, 'draining ends with the last connection')
})

test('a response in flight finishes, and its connection may be used once more', async (t) => {
  const { drain, port, finish } = await start(t)
  const get = createClient(t, port)
  const { text } = await get('/slow')
  let isDrained = false
  const drained = drain.run(NOTICE_MS).then(() => {
    isDrained = true
  })
  await sleep(NOTICE_MS * 4)
  t.notOk(isDrained)
  finish()
  t.equal(await text(), 'begun, done')
  await sleep(NOTICE_MS / 2)
  const { response } = await get()
  t.equal(response.headers.connection, 'close', 'the response had gone out without notice')
  await drained
})

test('unused connections are closed after the notice time', async (t) => {
  const { server, drain, port } = await start(t)
  await (await createClient(t, port)()).text()
  const unused = connect(port, '127.0.0.1')
  await once(unused, 'connect')
  const ended = once(unused, 'close')
  unused.resume()
  const drained = drain.run(NOTICE_MS)
  while (server.listening) await sleep(5)
  const closedAt = Date.now()
  await Promise.all([drained, ended])
  t.ok(Date.now() - closedAt >= NOTICE_MS, 'not before')
})

test('canary: http.Server.close closes idle connections, that of net.Server keeps them (nodejs/node#43522)', async (t) => {
  for (const { close, isKept } of [
    { close: (server: NetServer) => server.close(), isKept: false },
    { close: (server: NetServer) => NetServer.prototype.close.call(server), isKept: true },
  ]) {
    const { server, port } = await start(t)
    const get = createClient(t, port)
    await (await get()).text()
    close(server)
    t.equal(server.listening, false)
    await sleep(50)
    const isServed = await get().then(
      () => true,
      () => false,
    )
    t.equal(isServed, isKept)
  }
})
