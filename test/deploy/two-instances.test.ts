import { randomBytes } from 'node:crypto'
import { type Test, test } from 'tap'
import { startSentry } from '../sandbox/sentry/server.ts'
import { walk } from '../sandbox/walk/walk.ts'
import { registerClient } from '../support/client.ts'
import { findFreePort } from '../support/free-port.ts'
import { postMcp } from '../support/mcp.ts'
import { type Nginx, startNginx } from '../support/nginx.ts'
import { type Service, startService, useRedisStore } from '../support/service.ts'

/** Two instances in this process on one Redis, behind nginx with deploy/nginx.conf. */
async function startDeployment(t: Test): Promise<{ nginx: Nginx; instances: [Service, Service] }> {
  const port = await findFreePort()
  const settings = {
    ...(await useRedisStore(t)),
    BASE_URL: `https://localhost:${port}`,
    ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    JWT_SIGNING_KEY: randomBytes(32).toString('base64'),
    TRUST_PROXY: '127.0.0.1',
    DIRECT_SEARCH: 'true',
  }
  const sentry = await startSentry({ redirectUris: [`${settings.BASE_URL}/oauth/callback`] })
  t.teardown(() => sentry.close())
  const start = () => startService(t, { settings, sharedSentry: sentry })
  const instances: [Service, Service] = [await start(), await start()]
  const ports = instances.map(({ url }) => Number(new URL(url).port))
  return { nginx: await startNginx(t, { instances: ports, port }), instances }
}

function countRequests({ log }: Service): number {
  return log.filter((line) => line.includes('"msg":"request"')).length
}

test('two instances behind nginx with TLS', async (t) => {
  const { nginx, instances } = await startDeployment(t)
  const client = await registerClient(nginx.url)
  const { access_token: token } = await client.signIn()
  const call = (method: string, params?: object) => postMcp(`${nginx.url}/mcp`, token, method, params)

  await t.test('a sign-in and its tool calls are spread over both', async (t) => {
    const { tools } = await walk(`${nginx.url}/mcp`)
    t.ok(tools.includes('whoami'))
    for (const instance of instances) t.ok(countRequests(instance) >= 3, 'each instance took its part')
  })

  await t.test('a forged X-Forwarded-For is not the address that the service sees', async (t) => {
    await fetch(`${nginx.url}/`, { headers: { 'x-forwarded-for': '6.6.6.6' } })
    const log = instances.flatMap((instance) => instance.log).join('')
    t.match(log, '"ip":"127.0.0.1"')
    t.notMatch(log, '6.6.6.6')
  })

  await t.test('MCP, Streamable HTTP: a slow response begins before it is complete', async (t) => {
    const heal = instances[0].sentry.fail('GET /api/0/auth/', { kind: 'hang', ms: 6_500 })
    const startedAt = Date.now()
    const response = await call('tools/call', { name: 'whoami', arguments: {} })
    const arrivals: { text: string; after: number }[] = []
    for await (const text of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      arrivals.push({ text, after: Date.now() - startedAt })
    }
    heal()
    t.match(response.headers.get('content-type'), 'text/event-stream')
    t.match(arrivals.at(0)?.text, ': working')
    t.match(arrivals.at(-1)?.text, 'mara@tidewater.example')
    const [first = 0, last = 0] = [arrivals.at(0)?.after, arrivals.at(-1)?.after]
    t.ok(last - first > 1_000, `the first bytes came after ${first} ms, the rest after ${last} ms`)
  })

  await t.test('clients do not notice that one of them stops', async (t) => {
    await instances[0].app.close()
    const responses = await Promise.all(Array.from({ length: 10 }, () => call('tools/list')))
    t.same(new Set(responses.map(({ status }) => status)), new Set([200]))
  })
})
