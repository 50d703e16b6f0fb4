import { test } from 'tap'
import { ConfigError, loadConfig } from '../../../lib/config/load.ts'
import { createSettings, NO_SENTRY } from '../../support/settings.ts'

test('ALLOWED_ORGANIZATIONS needs a scope that shows organizations, and slugs in place of ids', async (t) => {
  const allowed = { ALLOWED_ORGANIZATIONS: 'acme' }
  t.match(findProblems({ ...allowed, SENTRY_SCOPES: 'event:read' }), [
    /SENTRY_SCOPES should include org:read/,
  ])
  for (const scope of ['org:read', 'org:write', 'org:admin'])
    t.equal(findProblems({ ...allowed, SENTRY_SCOPES: scope }).length, 0, scope)
  t.match(findProblems({ ALLOWED_ORGANIZATIONS: 'acme,4501' }), [
    /4501 is the id of an organization: give its slug/,
  ])
  t.match(findProblems({ ALLOWED_ORGANIZATIONS: 'acme/web' }), [
    /slugs of organizations.*\(it is "acme\/web"\)/,
  ])
})

function findProblems(settings: Record<string, string>): readonly string[] {
  try {
    loadConfig({ ...createSettings('http://localhost:3000', NO_SENTRY), ...settings })
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}
