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

test('two entries of mcporter, of which one only reads, work beside each other (docs/clients.md)', async (t) => {
  const { url } = await startService(t, { settings: useEmbeddedStore(t) })
  const desktop = createDesktop(t)
  const { file } = findProgram('mcporter', 'mcporter')
  const mcporter = (...args: string[]) => desktop.runScript(file, ...args)
  for (const [name, address] of [
    ['sentry', `${url}/mcp`],
    ['sentry-read', `${url}/mcp?readonly=1`],
  ] as const) {
    await mcporter('config', 'add', name, address, '--auth', 'oauth')
    await mcporter('auth', name)
  }
  const list = async (name: string): Promise<string[]> => {
    const { tools } = JSON.parse(await mcporter('list', name, '--json')) as { tools: { name: string }[] }
    return tools.map((tool) => tool.name)
  }
  const call = (entry: string, tool: string, args: object) =>
    mcporter('call', `${entry}.${tool}`, '--args', JSON.stringify(args), '--output', 'json')
  const write = { organizationSlug: 'tidewater-books', name: 'Entry' }
  const issue = { organizationSlug: 'tidewater-books', issueId: 'STOREFRONT-1' }
  for (let round = 0; round < 2; round += 1) {
    const [whole, reading] = [await list('sentry'), await list('sentry-read')]
    t.ok(whole.includes('create_team') && whole.includes('update_issue'))
    t.ok(reading.includes('get_issue_details') && reading.includes('execute_sentry_tool'))
    t.same(
      reading.filter((name) => /^(?:create|update|delete|add|remove)_/.test(name)),
      [],
    )
  }
  for (const entry of ['sentry', 'sentry-read'])
    t.match(await call(entry, 'get_issue_details', issue), /STOREFRONT-1/)
  await t.rejects(call('sentry-read', 'create_team', write))
  await t.rejects(call('sentry-read', 'execute_sentry_tool', { name: 'create_team', arguments: write }))
  t.notMatch(await call('sentry', 'find_teams', { organizationSlug: 'tidewater-books' }), /"Entry"|"entry"/)
  await call('sentry', 'create_team', write)
  t.match(await call('sentry-read', 'find_teams', { organizationSlug: 'tidewater-books' }), /entry/)
  t.equal(desktop.listOpened().length, 2, 'each signs in once')
})
