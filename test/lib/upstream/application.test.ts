import { test } from 'tap'
import { checkApplication, warnAboutApplication } from '../../../lib/upstream/application.ts'
import { startSentry } from '../../sandbox/sentry/server.ts'
import { createSandboxOAuth } from '../../support/sentry-oauth.ts'

/** Reports, 2026-11-27, stumble 19: the service started with a wrong host, id or secret, and said nothing. */
test('a start warns once where users cannot sign in, and says nothing where they can', async (t) => {
  const sentry = await startSentry()
  t.teardown(() => sentry.close())
  const warn = async (changes: object) => {
    const lines: unknown[][] = []
    await warnAboutApplication(createSandboxOAuth({ ...sentry, ...changes }), {
      warn: (...line: unknown[]) => lines.push(line),
    })
    return lines
  }
  t.same(await warn({}), [])
  t.match(await warn({ clientSecret: 'wrong' }), [[{ code: 'invalid_client' }, /check SENTRY_CLIENT_ID and/]])
  t.match(await warn({ clientId: 'wrong' }), [[{ code: 'invalid_client' }, /check SENTRY_CLIENT_ID and/]])
  t.match(await warn({ host: '127.0.0.1:1' }), [
    [{ reason: /ECONNREFUSED|bad port/ }, /Sentry does not respond/],
  ])
  const restore = sentry.fail('/oauth/token/', {
    kind: 'status',
    status: 404,
    body: { detail: 'Not found.' },
  })
  t.match(await warn({}), [[{ reason: /responded 404 with a body that is not OAuth/ }, /does not respond/]])
  restore()
  t.same(await checkApplication(createSandboxOAuth(sentry)), { outcome: 'accepted' })
  t.same(sentry.counters, { codes: 0, refreshes: 0, refusedRefreshes: 0 }, 'nothing is created at Sentry')
})
