import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type Test, test } from 'tap'
import { startDsnReceiver } from './support/dsn-receiver.ts'
import { findFreePort } from './support/free-port.ts'
import { startRedis } from './support/redis.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const CHECK_NODE = join(ROOT, 'commands', 'check-node.cjs')

const REQUIRED = [
  'BASE_URL',
  'SENTRY_HOST',
  'SENTRY_CLIENT_ID',
  'SENTRY_CLIENT_SECRET',
  'ENCRYPTION_KEY',
  'JWT_SIGNING_KEY',
]

test('missing settings are all named in one readable message, and the process ends with 1', async (t) => {
  for (const env of [{}, { NODE_ENV: 'production' }]) {
    const { code, stdout, stderr } = await finish(run(t, ['server.ts'], env))
    t.equal(code, 1)
    t.equal(stdout, '')
    for (const name of REQUIRED) t.match(stderr, `  - ${name} is not set: `)
    t.match(stderr, 'openssl rand -base64 32')
    t.match(stderr, 'npm run demo')
    expectNoTrace(t, stderr)
    t.equal(stderr.trim().split('\n').length, REQUIRED.length + 3, 'a line each, and no more')
  }
})

test('a wrong setting is named with what it should be, whichever part reads it', async (t) => {
  const settings = {
    ...createSettings(t, 3000),
    TRUST_PROXY: 'abc',
    ALLOWED_REDIRECT_URI_PATTERNS: 'https://*',
  }
  const { code, stderr } = await finish(
    run(t, ['server.ts'], { ...settings, ENCRYPTION_KEY: 'too-short-a-key' }),
  )
  t.equal(code, 1)
  t.match(stderr, /- TRUST_PROXY should be addresses or CIDR ranges/)
  t.match(stderr, /- ALLOWED_REDIRECT_URI_PATTERNS should be patterns/)
  t.match(stderr, /- ENCRYPTION_KEY should be 32 characters or more/)
  t.notMatch(stderr, 'too-short-a-key')
  expectNoTrace(t, stderr)
})

test('a Node that is too old is turned away in one line', async (t) => {
  const fake = t.testdir({
    'old-node.cjs': `Object.defineProperty(process, 'versions', { value: { node: '20.19.0' } })
      Object.defineProperty(process, 'version', { value: 'v20.19.0' })`,
  })
  const args = ['-r', join(fake, 'old-node.cjs'), '-r', CHECK_NODE, '--eval', 'console.log("went on")']
  const { code, stdout, stderr } = await finish(run(t, args, {}))
  t.equal(code, 1)
  t.equal(stdout, '')
  t.match(stderr, /^sentry-mcp needs Node\.js 24 or newer; this is v20\.19\.0\. .*\n$/)
  t.equal(stderr.split('\n').length, 2)

  const current = await finish(run(t, ['-r', CHECK_NODE, '--eval', 'console.log("went on")'], {}))
  t.same(current, { code: 0, stdout: 'went on\n', stderr: '' })
})

for (const NODE_ENV of [undefined, 'production']) {
  test(`it serves and ends with 0 on SIGTERM, whatever NODE_ENV is (${NODE_ENV})`, async (t) => {
    const port = await findFreePort()
    const child = run(t, ['-r', CHECK_NODE, 'server.ts'], { ...createSettings(t, port), NODE_ENV })
    const ended = finish(child)
    const health = await waitForAnswer(`http://localhost:${port}/health`, ended)
    t.equal(health.status, 200)
    t.equal(await health.text(), 'ok')
    const ready = await fetch(`http://localhost:${port}/health/ready`)
    t.match(await ready.json(), { status: 'ready', store: 'embedded' })

    child.kill('SIGTERM')
    const { code, stdout, stderr } = await ended
    t.equal(code, 0)
    t.equal(stderr, '')
    t.ok(
      stdout
        .trim()
        .split('\n')
        .every((line) => typeof JSON.parse(line).level === 'number'),
      'its log is one JSON object a line',
    )
  })
}

test('an error that nothing catches ends it with 1, and is reported before', async (t) => {
  const receiver = await startDsnReceiver(t)
  const port = await findFreePort()
  const fault = "process.on('SIGWINCH', () => { throw new Error('nobody caught this') })"
  const settings = { ...createSettings(t, port), SENTRY_DSN: receiver.dsn }
  const fake = t.testdir({ 'fault.cjs': fault })
  const child = run(t, ['-r', join(fake, 'fault.cjs'), 'server.ts'], settings)
  const ended = finish(child)
  await waitForAnswer(`http://localhost:${port}/health`, ended)
  child.kill('SIGWINCH')
  const { code, stdout } = await ended
  t.equal(code, 1)
  t.match(stdout, 'uncaught error, shutting down')
  t.match(receiver.readEvents(), [
    { level: 'fatal', environment: 'production', exception: { values: [{ value: 'nobody caught this' }] } },
  ])
})

test('a port that is taken ends the process with 1', async (t) => {
  const holder = createServer().listen(0, 'localhost')
  t.teardown(() => holder.close())
  await once(holder, 'listening')
  const { port } = holder.address() as AddressInfo
  const { code, stderr } = await finish(run(t, ['server.ts'], createSettings(t, port)))
  t.equal(code, 1)
  t.match(stderr, 'EADDRINUSE')
})

test('with REDIS_WAIT=false a Redis that is away ends the start with 1', async (t) => {
  const [port, redisPort] = [await findFreePort(), await findFreePort()]
  const secret = 'hush-word'
  const { DATA_DIR, ...settings } = createSettings(t, port)
  const redis = {
    STORE: 'redis',
    REDIS_URL: `redis://:${secret}@127.0.0.1:${redisPort}`,
    REDIS_WAIT: 'false',
  }
  const since = Date.now()
  const { code, stdout, stderr } = await finish(run(t, ['server.ts'], { ...settings, ...redis }))
  t.equal(code, 1)
  t.ok(Date.now() - since < 10_000)
  t.match(
    stderr,
    /^Redis at 127\.0\.0\.1:\d+ is not available: connect ECONNREFUSED \S+ REDIS_WAIT is false, so the service does not start\.\n$/,
  )
  t.notMatch(stdout + stderr, secret)
})

test('a Redis that is away is waited for, which the log says; it is ready when Redis is there', async (t) => {
  const server = await startRedis(t)
  await server.kill()
  const port = await findFreePort()
  const { DATA_DIR, ...settings } = createSettings(t, port)
  const child = run(t, ['server.ts'], { ...settings, STORE: 'redis', REDIS_URL: server.url })
  const ended = finish(child)
  const ready = await waitForAnswer(`http://localhost:${port}/health/ready`, ended)
  t.equal(ready.status, 503)
  t.match(await ready.json(), { status: 'store_unavailable' })
  t.equal((await fetch(`http://localhost:${port}/health`)).status, 200)
  await server.restart()
  while (!(await fetch(`http://localhost:${port}/health/ready`)).ok) await sleep(50)
  child.kill('SIGTERM')
  const { code, stdout } = await ended
  t.equal(code, 0)
  t.match(stdout, /"level":40.*starting without Redis, not ready \(\/health\/ready\) until it is available/)
})

function createSettings(t: Test, port: number): Record<string, string> {
  return {
    BASE_URL: `http://localhost:${port}`,
    PORT: String(port),
    HOST: 'localhost',
    SHUTDOWN_GRACE: '1',
    SENTRY_HOST: 'sentry.invalid',
    SENTRY_CLIENT_ID: 'id',
    SENTRY_CLIENT_SECRET: 'secret',
    ENCRYPTION_KEY: 'e'.repeat(32),
    JWT_SIGNING_KEY: 'j'.repeat(32),
    STORE: 'embedded',
    DATA_DIR: t.testdir(),
    CLIENT_ID_METADATA_DOCUMENTS: 'false',
  }
}

/** Node in the project's folder, with these settings and nothing else of this process's environment. */
function run(t: Test, args: string[], env: Record<string, string | undefined>): ChildProcess {
  const child = spawn(process.execPath, args, { cwd: ROOT, env: { ...env, NODE_OPTIONS: '' } })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

async function finish(child: ChildProcess) {
  const exit = once(child, 'exit')
  const [stdout, stderr] = await Promise.all([read(child.stdout), read(child.stderr)])
  const [code] = await exit
  return { code, stdout, stderr }
}

async function read(stream: Readable | null): Promise<string> {
  return stream === null ? '' : text(stream)
}

async function waitForAnswer(url: string, ended: Promise<{ stderr: string }>): Promise<Response> {
  let output: string | undefined
  ended.then(({ stderr }) => {
    output = stderr
  })
  for (;;) {
    const answer = await fetch(url).catch(() => undefined)
    if (answer !== undefined) return answer
    if (output !== undefined) throw new Error(`The server ended before it answered: ${output}`)
    await sleep(50)
  }
}

function expectNoTrace(t: Test, output: string): void {
  t.notMatch(output, /\n\s+at |node:internal|file:\/\/|Error:/, 'no stack trace')
}
