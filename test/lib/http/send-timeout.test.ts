import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { closeUnreadConnections } from '../../../lib/http/send-timeout.ts'

const TIMEOUT_MS = 1_000
const LARGE = Buffer.alloc(24 * 1024 * 1024, 'a')

test('a connection whose client never reads is closed, streams included (CWE-772)', async (t) => {
  const endings: RequestListener[] = [
    (_request, response) => response.end(LARGE),
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(': working\n\n')
      setTimeout(() => response.end(LARGE), 100)
    },
  ]
  for (const respond of endings) {
    const { port, sockets } = await startServer(t, respond)
    const client = await request(t, port)
    client.pause()
    await waitFor(() => sockets[0]?.destroyed === true)
    t.ok(sockets[0]?.destroyed)
  }
})

test('a client that reads slowly gets everything', async (t) => {
  const { port, sockets } = await startServer(t, (_request, response) => response.end(LARGE))
  const client = await request(t, port)
  let received = 0
  client.on('data', (chunk: Buffer) => {
    received += chunk.length
    client.pause()
    setTimeout(() => client.resume(), 2)
  })
  await waitFor(() => received > LARGE.length, 20_000)
  t.ok(received > LARGE.length, `${received} bytes`)
  t.notOk(sockets[0]?.destroyed)
})

test('a call that is silent for long, and an idle connection after a response, live on', async (t) => {
  const { port, sockets } = await startServer(t, (_request, response) => {
    setTimeout(() => response.end('done'), 2 * TIMEOUT_MS)
  })
  const client = await request(t, port)
  const text: string[] = []
  client.on('data', (chunk) => text.push(String(chunk)))
  await waitFor(() => text.join('').includes('done'))
  t.match(text.join(''), /done/)
  await sleep(2.5 * TIMEOUT_MS)
  t.notOk(sockets[0]?.destroyed)
  text.length = 0
  client.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
  await waitFor(() => text.join('').includes('done'))
  t.match(text.join(''), /done/, 'the next call on it as well')
})

async function startServer(t: Test, respond: RequestListener): Promise<{ port: number; sockets: Socket[] }> {
  const server = createServer({ keepAliveTimeout: 60_000 }, respond)
  closeUnreadConnections(server, TIMEOUT_MS)
  const sockets: Socket[] = []
  server.on('connection', (socket) => sockets.push(socket))
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, sockets }
}

async function request(t: Test, port: number): Promise<Socket> {
  const client = connect({ port, host: '127.0.0.1' })
  client.on('error', () => undefined)
  t.teardown(() => client.destroy())
  await new Promise((connected) => client.once('connect', connected))
  client.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
  return client
}

async function waitFor(isTrue: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!isTrue() && Date.now() < deadline) await sleep(20)
}
