import { existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'tap'
import { loadConfig } from '../../lib/config/load.ts'
import { registerClient, type Tokens } from '../support/client.ts'
import { listEvents, readAuditLines } from '../support/log.ts'
import { postMcp } from '../support/mcp.ts'
import { startService, useEmbeddedStore, useRedisStore } from '../support/service.ts'
import { startServiceProcess } from '../support/service-process.ts'
import { createSettings, NO_SENTRY } from '../support/settings.ts'

for (const useStore of [useEmbeddedStore, useRedisStore]) {
  test(`a sign-in, its refreshes and its revocation are one entry each (${useStore.name})`, async (t) => {
    const { url, log } = await startService(t, { settings: await useStore(t) })
    const client = await registerClient(url)
    const tokens = await client.signIn()
    const signIn = ['client_registered', 'consent_granted', 'grant_created', 'grant_activated']
    t.same(listEvents(log), signIn)
    const next = (await (await client.refresh(tokens.refresh_token)).json()) as Tokens
    await client.refresh(tokens.refresh_token)
    await client.refresh(next.refresh_token)
    await client.refresh(tokens.refresh_token)
    await client.refresh(tokens.refresh_token)
    t.same(listEvents(log).slice(signIn.length), [
      'refresh_rotated',
      'refresh_repeated',
      'refresh_rotated',
      'refresh_reused',
      'grant_revoked: refresh_token_reused',
    ])
  })
}

test('denials, replays, revocations and required sign-ins are entries too', async (t) => {
  const { url, log, sentry } = await startService(t)
  const client = await registerClient(url)
  const take = () => listEvents(log.splice(0))
  take()

  await client.authorize({}, { consent: 'deny' })
  t.same(take(), ['consent_denied: user'])
  await client.authorize({}, { sentry: 'deny' })
  t.same(take(), ['consent_granted', 'consent_denied: user_at_sentry'])

  const code = (await client.authorize()).searchParams.get('code') ?? ''
  const redeemed = (await (await client.redeem(code)).json()) as Tokens
  take()
  await client.redeem(code)
  await client.redeem(code, { code_verifier: 'w'.repeat(43) })
  t.same(take(), [], 'neither a retry nor a wrong proof')
  await client.refresh(redeemed.refresh_token)
  await client.redeem(code)
  t.same(take(), ['refresh_rotated', 'code_replayed', 'grant_revoked: code_replayed'])

  const { refresh_token } = await client.signIn()
  take()
  for (const _ of ['once', 'twice']) {
    const body = new URLSearchParams({ client_id: client.id, token: refresh_token })
    await fetch(`${url}/oauth/revoke`, { method: 'POST', body })
  }
  t.same(take(), ['grant_revoked: client_request'])

  const { access_token } = await client.signIn()
  take()
  const callTool = () => postMcp(`${url}/mcp`, access_token, 'tools/call', { name: 'whoami', arguments: {} })
  await callTool()
  sentry.revokeToken(sentry.requests.findLast(({ token }) => token !== undefined)?.token ?? '')
  await callTool()
  await callTool()
  t.same(take(), ['sign_in_required'])
})

test('a grant beyond the limit is an entry with reason superseded', async (t) => {
  const { url, log } = await startService(t)
  const client = await registerClient(url)
  for (let signIns = 0; signIns < 21; signIns += 1) await client.signIn()
  const superseded = readAuditLines(log).filter(({ reason }) => reason === 'superseded')
  t.equal(superseded.length, 1)
  const [first] = readAuditLines(log).filter(({ event }) => event === 'grant_activated')
  t.equal(superseded[0]?.grant_hash, first?.grant_hash)
})

test('entries name client and user by hashes, and contain no secret', async (t) => {
  const { url, log } = await startService(t)
  const client = await registerClient(url)
  const redirect = await client.authorize()
  const code = redirect.searchParams.get('code') ?? ''
  const tokens = (await (await client.redeem(code)).json()) as Tokens
  const lines = readAuditLines(log)
  const mac = /^[\w-]{28}$/
  t.match(lines.at(-1), {
    time: Number,
    event: 'grant_activated',
    request_id: /^[\w-]+$/,
    client_hash: mac,
    client_name: 'Test client',
    subject_hash: mac,
    grant_hash: mac,
    resource: `${url}/mcp`,
    scope: ['org:read'],
    skills: ['inspect'],
    ip_hash: mac,
  })
  t.equal(new Set(lines.map(({ client_hash }) => client_hash)).size, 1, 'one client')
  t.equal(new Set(lines.slice(2).map(({ grant_hash }) => grant_hash)).size, 1, 'one grant')
  const grantId = tokens.refresh_token.split('.')[1] ?? ''
  const text = JSON.stringify(lines)
  for (const secret of [
    code,
    tokens.access_token,
    tokens.refresh_token,
    grantId,
    client.id,
    '127.0.0.1',
    'sntry',
  ])
    t.notOk(text.includes(secret), 'not in any entry')
  t.notMatch(text, /"(1001|mara|Mara)/, 'the user is not named')
})

test('LOG_LEVEL does not silence the audit log', async (t) => {
  for (const LOG_LEVEL of ['error', 'silent']) {
    const { url, log } = await startService(t, { settings: { ...useEmbeddedStore(t), LOG_LEVEL } })
    await registerClient(url)
    t.same(listEvents(log), ['client_registered'], LOG_LEVEL)
    t.equal(log.length, 1, 'nothing else is logged')
  }
})

test('AUDIT_LOG=file writes to the file, SIGHUP reopens it, SIGTERM still exits', async (t) => {
  const directory = t.testdir({})
  const [file, moved] = [join(directory, 'audit.log'), join(directory, 'audit.log.1')]
  const service = await startServiceProcess(t, (url) => ({
    ...createSettings(url, NO_SENTRY),
    ...useEmbeddedStore(t),
    SHUTDOWN_GRACE: '1',
    AUDIT_LOG: 'file',
    AUDIT_FILE: file,
  }))
  const { url } = service
  await registerClient(url)
  renameSync(file, moved)
  service.signal('SIGHUP')
  const events = (path: string) =>
    existsSync(path) ? listEvents(readFileSync(path, 'utf8').trim().split('\n')) : []
  while (events(file).length === 0) {
    await registerClient(url)
    await sleep(20)
  }
  t.ok(events(moved).length >= 1)
  t.match(await service.end('SIGTERM'), { code: 0, signal: null })
})

test('AUDIT_LOG=file and AUDIT_FILE need each other', async (t) => {
  for (const settings of [{ AUDIT_LOG: 'file' }, { AUDIT_FILE: '/tmp/audit.log' }])
    t.throws(() => loadConfig(settings), /AUDIT_LOG=file and AUDIT_FILE need each other/)
  t.throws(() => loadConfig({ AUDIT_LOG: 'syslog' }), /AUDIT_LOG should be stdout or file/)
})

test('without a file SIGHUP exits', async (t) => {
  const service = await startServiceProcess(t, (url) => ({
    ...createSettings(url, NO_SENTRY),
    ...useEmbeddedStore(t),
    SHUTDOWN_GRACE: '1',
  }))
  t.match(await service.end('SIGHUP'), { code: 0, signal: null })
})
