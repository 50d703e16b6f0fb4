import { test } from 'tap'
import { redactSecrets, redactValue } from '../../../../lib/telemetry/redact.ts'
import { startMcp } from '../../../support/mcp-service.ts'

test('mcp-core logs through the service’s logger, Sentry’s responses at debug only', async (t) => {
  const service = await startMcp(t)
  const { sentry } = service
  const token = 'f0'.repeat(32)
  const body = `no JSON, but Bearer ${token}`
  t.teardown(sentry.fail('/api/0/organizations/', { kind: 'status', status: 400, body }))
  const written: string[] = []
  const write = process.stderr.write
  process.stderr.write = (chunk) => written.push(String(chunk)) > 0
  await service.call('find_organizations')
  process.stderr.write = write
  t.same(written, [], 'nothing on the console')
  const entries = service.log.map((line) => JSON.parse(line))
  const warning = entries.find(({ level, category }) => level === 40 && category === 'sentry.mcp.api.client')
  t.match(warning, { status: 400, path: /^\/organizations\// })
  t.notOk(warning.bodyPreview)
  t.match(entries.find(({ bodyPreview }) => bodyPreview)?.level, 20)
  t.notMatch(service.log.join(''), new RegExp(token))
})

test('credentials are redacted in texts and at any depth of a value', async (t) => {
  const secrets = [
    'sntryu_0123456789abcdef',
    'sntrys_eyJpYXQiOjE3MDB9_abc/def+ghi=',
    'ab'.repeat(32),
    'sk-proj-abcdefghijklmnop123456',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl',
  ]
  for (const secret of secrets) {
    t.notMatch(redactSecrets(`before ${secret} after`), secret.slice(4, 12))
    t.match(redactSecrets(`before ${secret} after`), /^before .*after$/)
    const value = redactValue({ list: [{ deep: `Authorization: Bearer ${secret}` }], count: 1, none: null })
    t.notMatch(JSON.stringify(value), secret.slice(4, 12))
  }
  const harmless = 'Event c49541c747cb4d8aa3efb70ca5aba243 of STOREFRONT-1, the bearer of bad news'
  t.equal(redactSecrets(harmless), harmless)
  const circle: Record<string, unknown> = {}
  circle.self = circle
  t.doesNotThrow(() => JSON.stringify(redactValue(circle)))
})
