import { test } from 'tap'
import { startAiProvider } from '../../../support/ai-provider.ts'
import { readFence, readText, startMcp } from '../../../support/mcp-service.ts'

const RESULT = { says: JSON.stringify({ result: 'You are Mara Lind.' }) }
const WHOAMI = { calls: [{ name: 'whoami', args: {} }] }

test('use_sentry carries out a request with the caller’s tools; with trace it shows its calls', async (t) => {
  const provider = await startAiProvider(t, [WHOAMI, RESULT])
  const service = await startMcp(t, { settings: provider.settings })
  t.ok((await service.list()).includes('use_sentry'))

  const plain = await service.call('use_sentry', { request: 'who am I?' })
  t.equal(readText(plain), 'You are Mara Lind.')
  t.match(provider.requests[1]?.body, /mara@tidewater\.example/, 'Sentry’s response reached the model')
  t.notMatch(JSON.stringify(provider.requests), /sntry|access-token-of/, 'no token did')

  const traced = await startAiProvider(t, [WHOAMI, RESULT])
  const again = await startMcp(t, { settings: traced.settings })
  t.match(readText(await again.call('use_sentry', { request: 'who am I?', trace: true })), '- `whoami({})`')
})

test('without an AI provider there is no use_sentry, even with DIRECT_SEARCH', async (t) => {
  const choices: Record<string, string>[] = [{}, { DIRECT_SEARCH: 'true' }]
  for (const settings of choices) {
    const service = await startMcp(t, { settings })
    t.notOk((await service.list()).includes('use_sentry'))
    const found = await service.call('search_sentry_tools', { query: 'use sentry plain words' })
    t.notMatch(readText(found), '"use_sentry"')
  }
})

test('use_sentry can call only what its caller could call', async (t) => {
  const calls = [
    {
      name: 'update_issue',
      args: { organizationSlug: 'tidewater-books', issueId: 'STOREFRONT-1', status: 'resolved' },
    },
    {
      name: 'execute_sentry_tool',
      args: {
        name: 'update_issue',
        arguments: { organizationSlug: 'tidewater-books', issueId: 'STOREFRONT-1', status: 'resolved' },
      },
    },
    { name: 'execute_sentry_tool', args: { name: 'use_sentry', arguments: { request: 'again' } } },
  ]
  const choices: Record<string, string>[] = [
    { READ_ONLY: 'true' },
    { DISABLED_TOOLS: 'update_issue' },
    { DISABLED_SKILLS: 'triage' },
  ]
  for (const settings of choices) {
    const provider = await startAiProvider(t, [{ calls }, RESULT])
    const service = await startMcp(t, { settings: { ...provider.settings, ...settings } })
    await service.call('use_sentry', { request: 'resolve it' })
    const { tools } = JSON.parse(provider.requests[0]?.body ?? '{}') as { tools: { name: string }[] }
    const names = tools.map(({ name }) => name)
    t.notOk(names.includes('update_issue'), JSON.stringify(settings))
    t.notOk(names.includes('use_sentry'), 'it is not given itself')
    t.notOk(
      service.sentry.requests.some(({ method }) => method === 'PUT'),
      'nothing was changed',
    )
  }
})

test('with READ_ONLY use_sentry stays, annotated as read-only', async (t) => {
  const provider = await startAiProvider(t, [RESULT])
  const service = await startMcp(t, { settings: { ...provider.settings, READ_ONLY: 'true' } })
  const response = await service.post({ jsonrpc: '2.0', id: 1, method: 'tools/list' })
  const { result } = (await response.json()) as { result: { tools: { name: string; annotations: object }[] } }
  const tool = result.tools.find(({ name }) => name === 'use_sentry')
  t.match(tool?.annotations, { readOnlyHint: true, destructiveHint: false })
})

test('without its provider use_sentry searches the tools by words, as mcp-core’s searches do', async (t) => {
  const broken = [
    { fails: 401, body: '{"error":{"message":"Incorrect API key provided: key-of-the-provider"}}' },
    { fails: 400, body: 'not json' },
    { says: '' },
  ]
  for (const turn of broken) {
    const provider = await startAiProvider(t, [turn])
    const service = await startMcp(t, { settings: provider.settings })
    const result = await service.call('use_sentry', { request: 'update the issue' })
    t.notOk(result.isError, JSON.stringify(turn))
    t.match(readText(result), /AI provider.* is away.*\n- `update_issue`: /s)
    t.equal(readFence(result.content[0]?.text ?? ''), undefined, 'nothing of it is from outside')
    t.notMatch(readText(result), /key-of-the-provider|use_sentry`/)
    t.notMatch(service.log.join(''), /key-of-the-provider/)
    const readOnly = await startMcp(t, { settings: { ...provider.settings, READ_ONLY: 'true' } })
    t.notMatch(readText(await readOnly.call('use_sentry', { request: 'update the issue' })), 'update_issue')
  }
})

test('the model of use_sentry gets results of tools in a fence, and what it says is fenced too', async (t) => {
  const provider = await startAiProvider(t, [WHOAMI, RESULT])
  const service = await startMcp(t, { settings: provider.settings })
  const final = await service.call('use_sentry', { request: 'who am I?' })
  const { input } = JSON.parse(provider.requests[1]?.body ?? '{}') as { input: { output?: string }[] }
  const [shown] = input.flatMap(({ output }) => output ?? [])
  const { result } = JSON.parse(shown ?? '{}') as { result: string }
  t.match(readFence(result)?.inside, /mara@tidewater\.example/)
  t.ok(readFence(final.content[0]?.text ?? ''), 'what the model says may repeat what it read')
  t.match(final, { _meta: { untrusted: true } })
})

test('a malformed request is refused before the provider is called', async (t) => {
  const provider = await startAiProvider(t, [RESULT])
  const service = await startMcp(t, { settings: provider.settings })
  for (const args of [{}, { request: '  ' }, { request: 5 }]) {
    t.equal((await service.call('use_sentry', args)).isError, true)
  }
  t.equal(provider.requests.length, 0)
})
