import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { startDsnReceiver } from './support/dsn-receiver.ts'
import { findFreePort } from './support/free-port.ts'
import { startRedis } from './support/redis.ts'
import {
  ROOT,
  type RunningProcess,
  runToEnd,
  startProcess,
  waitForResponse,
} from './support/running-process.ts'
import { createSettings, NO_SENTRY } from './support/settings.ts'

const CHECK_NODE = join(ROOT, 'commands', 'check-node.cjs')

const REQUIRED = [
  'BASE_URL',
  'SENTRY_HOST',
  'SENTRY_CLIENT_ID',
  'SENTRY_CLIENT_SECRET',
  'ENCRYPTION_KEY',
  'JWT_SIGNING_KEY',
]

test('missing settings are all named in one message, and the process exits with 1', async (t) => {
  for (const env of [{}, { NODE_ENV: 'production' }]) {
    const { code, stdout, stderr } = await run(['server.ts'], env)
    t.equal(code, 1)
    t.equal(stdout, '')
    for (const name of REQUIRED) t.match(stderr, `  - ${name} is not set: `)
    t.match(stderr, 'openssl rand -base64 32')
    t.match(stderr, 'npm run demo')
    assertNoTrace(t, stderr)
    t.equal(stderr.trim().split('\n').length, REQUIRED.length + 3, 'a line each, and no more')
  }
})

test('a wrong setting is named, with what it should be and without its value', async (t) => {
  const settings = {
    ...createServerSettings(t, 3000),
    TRUST_PROXY: 'abc',
    ALLOWED_REDIRECT_URI_PATTERNS: 'https://*',
  }
  const { code, stderr } = await run(['server.ts'], { ...settings, ENCRYPTION_KEY: 'too-short-a-key' })
  t.equal(code, 1)
  t.match(stderr, /- TRUST_PROXY should be addresses or CIDR ranges/)
  t.match(stderr, /- ALLOWED_REDIRECT_URI_PATTERNS should be patterns/)
  t.match(stderr, /- ENCRYPTION_KEY should be 32 characters or more/)
  t.notMatch(stderr, 'too-short-a-key')
  assertNoTrace(t, stderr)
})

test('a Node.js version that is too old is refused in one line', async (t) => {
  const fake = t.testdir({
    'old-node.cjs': `Object.defineProperty(process, 'versions', { value: { node: '20.19.0' } })
      Object.defineProperty(process, 'version', { value: 'v20.19.0' })`,
  })
  const args = ['-r', join(fake, 'old-node.cjs'), '-r', CHECK_NODE, '--eval', 'console.log("went on")']
  const { code, stdout, stderr } = await run(args, {})
  t.equal(code, 1)
  t.equal(stdout, '')
  t.match(stderr, /^sentry-mcp needs Node\.js 24 or newer; this is v20\.19\.0\. .*\n$/)
  t.equal(stderr.split('\n').length, 2)

  const current = await run(['-r', CHECK_NODE, '--eval', 'console.log("went on")'], {})
  t.same(current, { code: 0, stdout: 'went on\n', stderr: '' })
})

for (const NODE_ENV of [undefined, 'production']) {
  test(`it serves and exits with 0 on SIGTERM (NODE_ENV=${NODE_ENV})`, async (t) => {
    const port = await findFreePort()
    const url = `http://localhost:${port}`
    const running = start(['-r', CHECK_NODE, 'server.ts'], { ...createServerSettings(t, port), NODE_ENV })
    await waitForResponse(`${url}/health`, running)
    const health = await fetch(`${url}/health`)
    t.equal(health.status, 200)
    t.equal(await health.text(), 'ok')
    const ready = await fetch(`${url}/health/ready`)
    t.match(await ready.json(), { status: 'ready', store: 'embedded' })

    const { code } = await running.end('SIGTERM')
    t.equal(code, 0)
    t.equal(running.stderr, '')
    t.ok(
      running.stdout
        .trim()
        .split('\n')
        .every((line) => typeof JSON.parse(line).level === 'number'),
      'its log is one JSON object a line',
    )
  })
}

test('an uncaught error is reported before the process exits with 1', async (t) => {
  const receiver = await startDsnReceiver(t)
  const port = await findFreePort()
  const fault = "process.on('SIGWINCH', () => { throw new Error('uncaught for the test') })"
  const settings = { ...createServerSettings(t, port), SENTRY_DSN: receiver.dsn }
  const fake = t.testdir({ 'fault.cjs': fault })
  const running = start(['-r', join(fake, 'fault.cjs'), 'server.ts'], settings)
  await waitForResponse(`http://localhost:${port}/health`, running)
  const { code } = await running.end('SIGWINCH')
  t.equal(code, 1)
  t.match(running.stdout, 'uncaught error, shutting down')
  t.match(receiver.readEvents(), [
    {
      level: 'fatal',
      environment: 'production',
      exception: { values: [{ value: 'uncaught for the test' }] },
    },
  ])
})

test('a port in use makes the process exit with 1', async (t) => {
  const holder = createServer().listen(0, 'localhost')
  t.teardown(() => holder.close())
  await once(holder, 'listening')
  const { port } = holder.address() as AddressInfo
  const { code, stderr } = await run(['server.ts'], createServerSettings(t, port))
  t.equal(code, 1)
  t.match(stderr, `:${port}: another program listens there (EADDRINUSE). Stop it, or set PORT`)
  t.equal(stderr.trim().split('\n').length, 1)
})

test('with REDIS_WAIT=false the process exits with 1 when Redis is unavailable', async (t) => {
  const [port, redisPort] = [await findFreePort(), await findFreePort()]
  const secret = 'hush-word'
  const { DATA_DIR, ...settings } = createServerSettings(t, port)
  const redis = {
    STORE: 'redis',
    REDIS_URL: `redis://:${secret}@127.0.0.1:${redisPort}`,
    REDIS_WAIT: 'false',
  }
  const { code, stdout, stderr } = await run(['server.ts'], { ...settings, ...redis })
  t.equal(code, 1)
  t.match(
    stderr,
    /^Redis at 127\.0\.0\.1:\d+ is not available: connect ECONNREFUSED \S+ REDIS_WAIT is false, so the service does not start\. STORE=embedded needs no Redis, for one instance\.\n$/,
  )
  t.notMatch(stdout + stderr, secret)
})

test('the service starts without Redis, says so in the log, and is ready when Redis is', async (t) => {
  const server = await startRedis(t)
  await server.kill()
  const port = await findFreePort()
  const { DATA_DIR, ...settings } = createServerSettings(t, port)
  const url = `http://localhost:${port}`
  const running = start(['server.ts'], { ...settings, STORE: 'redis', REDIS_URL: server.url })
  await waitForResponse(`${url}/health`, running)
  const ready = await fetch(`${url}/health/ready`)
  t.equal(ready.status, 503)
  t.match(await ready.json(), { status: 'store_unavailable' })
  t.equal((await fetch(`${url}/health`)).status, 200)
  await server.restart()
  while (!(await fetch(`${url}/health/ready`)).ok) await sleep(50)
  const { code } = await running.end('SIGTERM')
  t.equal(code, 0)
  t.match(
    running.stdout,
    /"level":40.*starting without Redis, not ready \(\/health\/ready\) until it is available/,
  )
})

function createServerSettings(t: Test, port: number): Record<string, string> {
  return {
    ...createSettings(`http://localhost:${port}`, NO_SENTRY),
    PORT: String(port),
    HOST: 'localhost',
    SHUTDOWN_GRACE: '1',
    STORE: 'embedded',
    DATA_DIR: t.testdir(),
  }
}

/** Runs Node in the project's folder to its end, with these settings as its environment. */
function run(args: string[], env: Record<string, string | undefined>) {
  return runToEnd([process.execPath, ...args], { env })
}

/** Starts Node in the same way. */
function start(args: string[], env: Record<string, string | undefined>): RunningProcess {
  return startProcess([process.execPath, ...args], { env })
}

function assertNoTrace(t: Test, output: string): void {
  t.notMatch(output, /\n\s+at |node:internal|file:\/\/|Error:/, 'no stack trace')
}
