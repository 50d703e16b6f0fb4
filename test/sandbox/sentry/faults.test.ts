import { type Test, test } from 'tap'
import { type SentrySandbox, startSentry } from './server.ts'

async function start(t: Test): Promise<SentrySandbox> {
  const sentry = await startSentry()
  t.teardown(() => sentry.close())
  return sentry
}

function ask(sentry: SentrySandbox, init: RequestInit = {}): Promise<Response> {
  const { accessToken } = sentry.issueTokens()
  return fetch(`${sentry.url}/api/0/auth/`, { ...init, headers: { authorization: `Bearer ${accessToken}` } })
}

test('faults match by method and path, count, and are lifted', async (t) => {
  const sentry = await start(t)
  sentry.fail('POST /api/0/', { kind: 'status', status: 500 })
  t.equal((await ask(sentry)).status, 200, 'another method')
  sentry.fail('/oauth/', { kind: 'status', status: 500 })
  t.equal((await ask(sentry)).status, 200, 'another path')

  sentry.fail(
    'GET /api/0/auth/',
    { kind: 'status', status: 429, body: { detail: 'Slow down' }, retryAfter: 7 },
    1,
  )
  const limited = await ask(sentry)
  t.equal(limited.status, 429)
  t.equal(limited.headers.get('retry-after'), '7')
  t.same(await limited.json(), { detail: 'Slow down' })
  t.equal((await ask(sentry)).status, 200, 'one request and no more')

  const lift = sentry.fail('/api/0/', { kind: 'status', status: 502 })
  t.equal((await ask(sentry)).status, 502)
  lift()
  t.equal((await ask(sentry)).status, 200)
  sentry.fail('/', { kind: 'status', status: 502 })
  sentry.heal()
  t.equal((await ask(sentry)).status, 200)
})

test('a 401 by which Sentry requires something of the user, its 429 and the pages of nginx', async (t) => {
  const sentry = await start(t)
  for (const code of ['sso-required', '2fa-required', 'member-disabled-over-limit'] as const) {
    sentry.fail('/api/0/', { kind: 'required-action', code }, 1)
    const required = await ask(sentry)
    t.equal(required.status, 401)
    t.match(await required.json(), { detail: { code, message: String, extra: Object } })
  }

  sentry.fail('/api/0/', { kind: 'rate-limited', seconds: 30 }, 1)
  const limited = await ask(sentry)
  t.equal(limited.status, 429)
  t.equal(limited.headers.get('retry-after'), null)
  t.equal(limited.headers.get('x-sentry-rate-limit-remaining'), '0')
  const seconds = Number(limited.headers.get('x-sentry-rate-limit-reset')) - Date.now() / 1000
  t.ok(seconds > 25 && seconds < 32)
  t.match(await limited.json(), { detail: /too frequently/ })

  sentry.fail('/api/0/', { kind: 'nginx', status: 502 }, 1)
  const restarting = await ask(sentry)
  t.equal(restarting.status, 502)
  t.match(restarting.headers.get('content-type'), 'text/html')
  t.match(await restarting.text(), '<center>nginx</center>')
})

test('limits that an operator turned on count by token and are told on every response', async (t) => {
  const sentry = await startSentry({ rateLimit: { limit: 2, window: 60 } })
  t.teardown(() => sentry.close())
  const { accessToken } = sentry.issueTokens()
  const headers = { authorization: `Bearer ${accessToken}` }
  const responses = []
  for (let sent = 0; sent < 3; sent += 1)
    responses.push(await fetch(`${sentry.url}/api/0/organizations/`, { headers }))
  t.same(
    responses.map((response) => [response.status, response.headers.get('x-sentry-rate-limit-remaining')]),
    [
      [200, '1'],
      [200, '0'],
      [429, '0'],
    ],
  )
  t.equal((await ask(sentry)).status, 200, 'another token')
})

test("responses of another form than Sentry's", async (t) => {
  const sentry = await start(t)
  sentry.fail('/api/0/', { kind: 'html' }, 1)
  const html = await ask(sentry)
  t.equal(html.status, 200)
  t.match(await html.text(), '<!DOCTYPE html>')

  sentry.fail('/api/0/', { kind: 'truncated' }, 1)
  const truncated = await ask(sentry)
  t.match(truncated.headers.get('content-type'), 'application/json')
  await t.rejects(truncated.json(), { name: 'SyntaxError' })

  sentry.fail('/api/0/', { kind: 'content-type', type: 'text/plain' }, 1)
  const mistyped = await ask(sentry)
  t.match(mistyped.headers.get('content-type'), 'text/plain')
  t.match(await mistyped.json(), { email: 'mara@tidewater.example' })

  sentry.fail('/api/0/', { kind: 'redirect-loop' })
  await t.rejects(ask(sentry), { cause: { message: 'redirect count exceeded' } })
})

test('responses that come late, byte by byte, or not at all', async (t) => {
  const sentry = await start(t)
  sentry.fail('/api/0/', { kind: 'hang', ms: 150 }, 1)
  const begin = performance.now()
  t.equal((await ask(sentry)).status, 200)
  t.ok(performance.now() - begin >= 145)

  sentry.fail('/api/0/', { kind: 'drip' }, 1)
  const dripping = await ask(sentry)
  const reader = dripping.body?.getReader()
  t.equal((await reader?.read())?.value?.length, 1)
  await reader?.cancel()

  sentry.fail('/api/0/', { kind: 'reset' }, 1)
  await t.rejects(ask(sentry), { cause: { code: 'ECONNRESET' } })
  t.equal(sentry.requests.at(-1)?.status, undefined)
})

test('a lost response leaves the request carried out, a hang that the client gives up leaves it undone', async (t) => {
  const sentry = await start(t)
  const refresh = (refreshToken: string, signal?: AbortSignal) =>
    fetch(`${sentry.url}/oauth/token/`, {
      method: 'POST',
      body: new URLSearchParams({
        client_id: sentry.clientId,
        client_secret: sentry.clientSecret,
        grant_type: 'refresh_token',
        refresh_token: refreshToken,
      }),
      ...(signal === undefined ? {} : { signal }),
    })
  const { refreshToken } = sentry.issueTokens()
  sentry.fail('POST /oauth/token/', { kind: 'hang', ms: 200 }, 1)
  await t.rejects(refresh(refreshToken, AbortSignal.timeout(50)))
  await new Promise((resolve) => setTimeout(resolve, 250))
  t.equal(sentry.counters.refreshes, 0)

  sentry.fail('POST /oauth/token/', { kind: 'lost-answer' }, 1)
  await t.rejects(refresh(refreshToken))
  t.equal(sentry.counters.refreshes, 1)
  t.equal((await refresh(refreshToken)).status, 400, 'the pair it had is dead')
})

test('bodies that are too large to read', async (t) => {
  const sentry = await start(t)
  sentry.fail('/api/0/', { kind: 'huge-body' }, 1)
  t.ok((await (await ask(sentry)).arrayBuffer()).byteLength > 50_000_000)

  sentry.fail('/api/0/', { kind: 'gzip-bomb' }, 1)
  const bomb = await ask(sentry)
  t.equal(bomb.headers.get('content-encoding'), 'gzip')
  let unpacked = 0
  for await (const chunk of bomb.body ?? []) {
    unpacked += chunk.length
    if (unpacked > 100_000_000) break
  }
  t.ok(unpacked > 100_000_000, 'and it goes on')
})

test('closing does not wait for what hangs', async (t) => {
  const sentry = await startSentry()
  sentry.fail('/api/0/', { kind: 'hang', ms: 60_000 })
  const hanging = t.rejects(ask(sentry))
  await new Promise((resolve) => setTimeout(resolve, 50))
  await sentry.close()
  await hanging
})
