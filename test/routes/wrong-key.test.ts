import { test } from 'tap'
import { registerClient, type Tokens } from '../support/client.ts'
import { postMcp } from '../support/mcp.ts'
import { startService } from '../support/service.ts'
import { startServiceWithStore } from '../support/shared-store.ts'

const OLD_KEY = 'o'.repeat(32)
const NEW_KEY = 'n'.repeat(32)
const JWT_SIGNING_KEY = 'j'.repeat(32)

test('a wrong ENCRYPTION_KEY is a 503 and a loud log, and ends nothing', async (t) => {
  const right = await startServiceWithStore(t, { settings: { ENCRYPTION_KEY: OLD_KEY, JWT_SIGNING_KEY } })
  const start = (ENCRYPTION_KEY: string) =>
    startService(t, { settings: { ...right.settings, ENCRYPTION_KEY }, sharedSentry: right.sentry })
  const client = await registerClient(right.url)
  const tokens = await client.signIn()
  const refreshAt = (url: string, refreshToken: string) =>
    fetch(`${url}/oauth/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        client_id: client.id,
        refresh_token: refreshToken,
      }),
    })

  const wrong = await start(NEW_KEY)
  const call = await postMcp(`${wrong.url}/mcp`, tokens.access_token, 'tools/call', { name: 'whoami' })
  t.equal(call.status, 503, 'not 401, which would make clients sign in again')
  t.ok(call.headers.get('retry-after'))
  const refresh = await refreshAt(wrong.url, tokens.refresh_token)
  t.equal(refresh.status, 503)
  t.match(await refresh.json(), { error: 'temporarily_unavailable' }, 'not invalid_grant')
  const lines = wrong.log.map((line) => JSON.parse(line)).filter(({ level }) => level >= 50)
  t.equal(lines.length, 2, 'each is an error in the log')
  t.match(lines, [{ err: { message: /sealed with key [\w-]{6}, which is not in ENCRYPTION_KEY/ } }])

  const [grant] = await right.store.listGrants('1001')
  t.equal(grant?.status, 'active')
  t.equal((await postMcp(`${right.url}/mcp`, tokens.access_token, 'tools/list')).status, 200)
  const next = (await (await client.refresh(tokens.refresh_token)).json()) as Tokens

  const both = await start(`${NEW_KEY},${OLD_KEY}`)
  t.equal(
    (await postMcp(`${both.url}/mcp`, next.access_token, 'tools/call', { name: 'whoami' })).status,
    200,
    'both keys open',
  )
  t.equal((await refreshAt(both.url, next.refresh_token)).status, 200)
})
