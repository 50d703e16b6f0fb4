import { test } from 'tap'
import { findProgram } from '../support/program.ts'
import { startService, useEmbeddedStore } from '../support/service.ts'
import { createDesktop } from './desktop.ts'

test('@apify/mcpc signs in without a state, and works in its own session', async (t) => {
  const { url } = await startService(t, { settings: useEmbeddedStore(t) })
  const desktop = createDesktop(t)
  const { file } = findProgram('@apify/mcpc', 'mcpc')
  const mcpc = (...args: string[]) => desktop.runScript(file, ...args)

  await mcpc('login', `${url}/mcp`)
  const [address] = desktop.listOpened()
  t.match(address?.searchParams.get('redirect_uri'), /^http:\/\/localhost:\d+\/callback$/)
  t.notOk(address?.searchParams.has('state'))

  // The session is a background process.
  t.teardown(() => mcpc('close', '@sentry').catch(() => undefined))
  const connect = () => mcpc('connect', `${url}/mcp`, '@sentry')
  // mcpc gives it 5 s to start, which is short where other tests are running.
  await connect().catch(connect).catch(connect)
  const tools: { name: string }[] = JSON.parse(await mcpc('@sentry', 'tools-list', '--json'))
  t.ok(tools.some(({ name }) => name === 'find_organizations'))
  const result = JSON.parse(await mcpc('@sentry', 'tools-call', 'whoami', '--json'))
  t.match(result, { structuredContent: { user: { email: 'mara@tidewater.example' } } })
})
