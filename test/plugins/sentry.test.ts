import { test } from 'tap'
import { startService, useEmbeddedStore } from '../support/service.ts'

const WARNING = /everyone with an account at sentry\.io can sign in here, and spend the AI key/

test('at sentry.io without ALLOWED_ORGANIZATIONS one line at the start warns of open sign-in', async (t) => {
  const count = async (settings: Record<string, string>) => {
    const { log } = await startService(t, { settings: { ...useEmbeddedStore(t), ...settings } })
    const lines = log.filter((line) => WARNING.test(line))
    t.ok(lines.every((line) => JSON.parse(line).level === 40))
    return lines.length
  }
  const cloud = { SENTRY_HOST: 'sentry.io', SENTRY_PROTOCOL: 'https' }
  t.equal(await count(cloud), 1)
  t.equal(await count({ ...cloud, ALLOWED_ORGANIZATIONS: 'acme' }), 0)
  t.equal(await count({}), 0, 'at a Sentry of its own')
})
