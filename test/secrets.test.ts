import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { loadMcpCore } from '../lib/mcp/core/load.ts'
import { createTestClient, registerClient, type TestClient, type Tokens } from './support/client.ts'
import { startDsnReceiver } from './support/dsn-receiver.ts'
import { findFreePort } from './support/free-port.ts'
import { createEnvelope, createTool } from './support/mcp-service.ts'
import { startCollector } from './support/otlp-collector.ts'
import { startRedis } from './support/redis.ts'
import { createSecretKeeper } from './support/secret-keeper.ts'
import { startService } from './support/service.ts'

const REDIRECT_URI = 'http://127.0.0.1:41998/callback'

const keeper = createSecretKeeper()
const { mint } = keeper

// One run through everything that handles secrets, with successes and failures, and with every output on: the log at
// its most verbose, the audit log, metrics, traces and error reports.
test('no output contains a token, code, state, verifier, cookie or key', async (t) => {
  const run = await startRun(t)
  const { url, sentry } = run

  const client = await registerClient(url)
  keeper.watch(client)
  const tokens = await signIn(client)
  await run.call(tokens, 'whoami')
  leak = `${tokens.access_token} ${tokens.refresh_token} Bearer ${sentry.issued.at(-1)}`
  await run.call(tokens, 'broken')

  const confidential = await registerConfidential(url)
  const first = await signIn(confidential, { client_secret: confidential.secret })
  const refresh = async ({ refresh_token }: Tokens) =>
    run.check(await confidential.refresh(refresh_token, { client_secret: confidential.secret }))
  const second = await keeper.keepTokens(await refresh(first))
  const third = await keeper.keepTokens(await refresh(second))
  await run.call(third, 'whoami')
  t.equal((await refresh(first)).status, 400, 'a replay')
  t.equal((await run.call(third, 'whoami')).status, 401)

  await misplace(run, tokens, client)
  await fail(run, tokens)

  await run.redis.kill()
  t.equal((await run.call(tokens, 'whoami')).status, 503)
  t.equal((await run.check(await client.refresh(tokens.refresh_token))).status, 503)
  await client.open({ state: mint() })
  await run.redis.restart()
  while ((await fetch(`${url}/health/ready`)).status !== 200) await sleep(20)

  const last = await signIn(client)
  const revocation = new URLSearchParams({ client_id: client.id, token: last.refresh_token })
  await run.send('/oauth/revoke', { method: 'POST', body: revocation })
  t.equal((await run.call(last, 'whoami')).status, 401)

  keeper.keep(...sentry.issued)
  for (const { token, body } of sentry.requests) keeper.keep(token, body.code_verifier, body.client_secret)
  const written = await run.collect()
  const forms = keeper.listForms()
  t.ok(forms.size > 250, `${forms.size} forms of secrets are searched for`)
  for (const [where, text] of Object.entries(written)) {
    t.ok(text.length > 100, `${where} has content`)
    const found = [...forms.keys()].filter((form) => text.includes(form))
    t.same(
      found.map((form) => showContext(text, form)),
      [],
      where,
    )
  }
  t.match(
    written['the error reports'],
    /Failed with \[redacted\]/,
    'the secrets of the broken tool are redacted',
  )
  t.match(written['the log'], /tool call/)
})

async function signIn(client: TestClient, changes: Record<string, string> = {}): Promise<Tokens> {
  const redirect = await client.authorize({ state: mint() })
  const code = redirect.searchParams.get('code') ?? ''
  const tokens = await keeper.keepTokens(await client.redeem(code, changes))
  return tokens
}

async function registerConfidential(url: string): Promise<TestClient & { secret: string }> {
  const registered = await fetch(`${url}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: 'Confidential',
      redirect_uris: [REDIRECT_URI],
      token_endpoint_auth_method: 'client_secret_post',
    }),
  })
  const { client_id, client_secret } = (await registered.json()) as Record<string, string>
  keeper.keep(client_secret)
  const client = createTestClient(url, client_id ?? '', REDIRECT_URI)
  keeper.watch(client)
  return { ...client, secret: client_secret ?? '' }
}

/** Sends secrets in places where they do not belong, as users and programs do by mistake. */
async function misplace(run: Run, { access_token, refresh_token }: Tokens, client: TestClient) {
  const code = (await client.authorize({ state: mint() })).searchParams.get('code') ?? ''
  const sentryToken = run.sentry.issueTokens().accessToken
  for (const secret of [access_token, refresh_token, code, sentryToken]) {
    const form = (parameters: Record<string, string>) => ({
      method: 'POST',
      body: new URLSearchParams(parameters),
    })
    for (const path of [
      `/mcp?access_token=${secret}`,
      `/mcp/${secret}`,
      `/${secret}`,
      `/oauth/callback?code=${secret}&state=${secret}`,
      `/oauth/callback?code=${secret}&code=${secret}`,
      `/oauth/authorize?client_id=${secret}&redirect_uri=${secret}`,
      client.createAuthorizeUrl({ resource: secret }).slice(run.url.length),
      client.createAuthorizeUrl({ scope: secret, code_challenge: secret }).slice(run.url.length),
      `/.well-known/oauth-protected-resource/mcp/${secret}`,
    ]) {
      await run.send(path)
    }
    for (const authorization of [secret, `Basic ${secret}`, `Token ${secret}`, `Sentry-Bearer ${secret}`]) {
      await run.send('/mcp', { method: 'POST', headers: { authorization } })
    }
    await run.send('/mcp', {
      method: 'POST',
      headers: { cookie: secret, authorization: `Bearer ${secret}x` },
    })
    await run.send('/oauth/token', form({ grant_type: secret, client_id: client.id }))
    await run.send('/oauth/token', form({ grant_type: 'refresh_token', client_id: secret, [secret]: secret }))
    const wrong = {
      grant_type: 'authorization_code',
      client_id: client.id,
      code: secret,
      redirect_uri: secret,
    }
    await run.send('/oauth/token', form({ ...wrong, code_verifier: mint(), resource: secret }))
    await run.send('/oauth/token', { method: 'POST', body: `{"code":"${secret}"` })
    await run.send('/oauth/register', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: [secret], client_name: 5, [secret]: secret }),
    })
    await run.send('/oauth/consent', form({ transaction: secret, csrf: secret, decision: secret }))
    await run.send('/oauth/revoke', form({ client_id: client.id, token: `${secret}x` }))

    const authorization = `Bearer ${access_token}`
    const post = (body: string, headers = {}) =>
      run.send('/mcp', {
        method: 'POST',
        headers: {
          authorization,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          ...headers,
        },
        body,
      })
    const message = (method: string, params: object) =>
      JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })
    await post(`{"jsonrpc":"${secret}`)
    await post(message(secret, {}))
    await post(message('tools/list', { cursor: secret, [secret]: secret }))
    await post(message('initialize', { protocolVersion: secret, clientInfo: secret }))
    await post(message('tools/call', { name: secret, arguments: { token: secret } }))
    await post(
      message('tools/call', { name: 'find_teams', arguments: { organizationSlug: secret, [secret]: 1 } }),
    )
    await post(message('tools/call', { name: 'execute_sentry_tool', arguments: { name: secret } }))
    for (const revision of [secret, '2025-11-25', '2026-07-28']) {
      for (const [method, name] of [
        [secret, 'whoami'],
        ['tools/call', secret],
      ] as const) {
        const headers = { 'mcp-protocol-version': revision, 'mcp-method': method, 'mcp-name': name }
        await post(message('tools/call', { name: 'whoami', arguments: {} }), headers)
        await post(message('tools/call', { name: 'whoami', _meta: createEnvelope(revision) }), headers)
      }
    }
    await post(message('tools/list', {}), { 'content-type': `text/${secret.slice(0, 60)}` })
  }
}

/** Makes Sentry fail with responses that repeat the request's token. */
async function fail({ sentry, call }: Run, tokens: Tokens) {
  const { token } = sentry.requests.findLast((request) => request.token !== undefined) ?? {}
  for (const status of [400, 403, 404, 418, 500]) {
    const stop = sentry.fail('/api/0/', {
      kind: 'status',
      status,
      body: { detail: `Bearer ${token} is wrong` },
    })
    await call(tokens, 'whoami')
    stop()
  }
  const stop = sentry.fail('/api/0/', { kind: 'reset' })
  await call(tokens, 'whoami')
  stop()
  sentry.expireToken(token ?? '')
  const stopTokens = sentry.fail('/oauth/token/', { kind: 'status', status: 500, body: { error: token } })
  await call(tokens, 'whoami')
  stopTokens()
  await call(tokens, 'whoami')
}

type Run = Awaited<ReturnType<typeof startRun>>

/** Starts the service with every output on. */
async function startRun(t: Test) {
  const redis = await startRedis(t)
  const collector = await startCollector(t)
  const receiver = await startDsnReceiver(t)
  const metricsPort = await findFreePort()
  const auditFile = join(t.testdir(), 'audit.log')
  const { tools } = await loadMcpCore()
  const { url, app, log, sentry } = await startService(t, {
    tools: { ...tools, broken },
    settings: {
      TOOL_SURFACE: 'full',
      STORE: 'redis',
      REDIS_URL: redis.url,
      HOST: 'localhost',
      ENCRYPTION_KEY: mint(),
      JWT_SIGNING_KEY: `${mint()},${mint()}`,
      LOG_LEVEL: 'trace',
      AUDIT_LOG: 'file',
      AUDIT_FILE: auditFile,
      METRICS_PORT: String(metricsPort),
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=${mint()}`,
      SENTRY_DSN: receiver.dsn,
      RATE_LIMIT_OAUTH: '0',
    },
  })
  keeper.keep(sentry.clientSecret)
  const errors: string[] = []

  /** Records the body of an error, which must not contain a secret either. */
  async function check(response: Response): Promise<Response> {
    const text = await response.clone().text()
    if (response.status >= 400 || /"error"|"isError"/.test(text)) errors.push(text)
    return response
  }

  const send = async (path: string, init: RequestInit = {}) =>
    check(await fetch(`${url}${path}`, { redirect: 'manual', ...init }))

  const call = ({ access_token }: Tokens, name: string) =>
    send('/mcp', {
      method: 'POST',
      headers: {
        authorization: `Bearer ${access_token}`,
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: {} } }),
    })

  async function collect(): Promise<Record<string, string>> {
    const metrics = await (await fetch(`http://localhost:${metricsPort}/metrics`)).text()
    await app.close()
    return {
      'the log': log.join(''),
      'the audit log': readFileSync(auditFile, 'utf8'),
      'the metrics': metrics,
      'the traces': collector.deliveries.map(({ body }) => body.toString()).join('\n'),
      'the error reports': receiver.envelopes.join('\n'),
      'the error responses': errors.join('\n'),
    }
  }

  return { url, sentry, redis, check, send, call, collect }
}

/** The secrets in the error of the tool `broken`. */
let leak = ''

const broken = createTool('broken', () =>
  Promise.reject(new Error(`Failed with ${leak}`, { cause: new Error(leak) })),
)

function showContext(text: string, form: string): string {
  const at = text.indexOf(form)
  return text.slice(Math.max(0, at - 200), at + form.length + 50)
}
