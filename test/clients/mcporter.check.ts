import { test } from 'tap'
import { findProgram } from '../support/program.ts'
import { startService, useEmbeddedStore } from '../support/service.ts'
import { createDesktop } from './desktop.ts'

test('mcporter signs in, lists the tools and calls one', async (t) => {
  const { url } = await startService(t, { settings: useEmbeddedStore(t) })
  const desktop = createDesktop(t)
  const { file } = findProgram('mcporter', 'mcporter')
  const mcporter = (...args: string[]) => desktop.runScript(file, ...args)

  await mcporter('config', 'add', 'sentry', `${url}/mcp`, '--auth', 'oauth')
  await mcporter('auth', 'sentry')
  const [address] = desktop.listOpened()
  t.match(address?.searchParams.get('redirect_uri'), /^http:\/\/127\.0\.0\.1:\d+\/callback$/)

  const listed = await mcporter('list', 'sentry', '--json')
  t.match(listed, /"find_organizations"/)
  const result = await mcporter('call', 'sentry.whoami', '--output', 'json')
  t.match(result, /mara@tidewater\.example/)
  t.equal(desktop.listOpened().length, 1, 'it stays signed in')
})
