import { test } from 'tap'
import { fitStructure, fitText, MAX_RESULT_BYTES } from '../../../../lib/mcp/tools/result-size.ts'
import { fetchUpstream, TOKEN_PLACEHOLDER } from '../../../../lib/upstream/tool-fetch.ts'
import { createTool, readFence, startMcp } from '../../../support/mcp-service.ts'

test('a text up to 100 KB is unchanged, a longer one ends with a complete item', async (t) => {
  const fits = 'é'.repeat(MAX_RESULT_BYTES / 2)
  t.same(fitText(fits), { value: fits, leftOut: undefined })
  const item = (index: number) => `## Item ${index}\n\n### Detail\n\n${'text é '.repeat(200)}\n`
  const list = Array.from({ length: 200 }, (_, index) => item(index)).join('\n')
  const { value, leftOut } = fitText(`# List\n\n${list}`)
  t.ok(Buffer.byteLength(value) <= MAX_RESULT_BYTES)
  t.ok(Buffer.byteLength(value) > MAX_RESULT_BYTES - 4096, 'no more is left out than needed')
  t.ok(list.startsWith(value.slice('# List\n\n'.length)))
  t.match(value, /text é $|text é$/, 'it ends where an item ends')
  t.match(leftOut, /^\d+ KB of \d+ KB$/)
  const bullets = fitText('- **a**: b\n'.repeat(20_000)).value
  t.match(bullets, /\n- \*\*a\*\*: b$/)
  t.notMatch(fitText('👩'.repeat(60_000)).value, '\ufffd', 'characters stay whole')
})

test('structured content loses whole items of its longest list', async (t) => {
  const row = { text: 'x'.repeat(1_000) }
  const content = { count: 300, small: [1, 2, 3], rows: Array.from({ length: 300 }, () => row) }
  const { value, leftOut } = fitStructure(content)
  t.ok(Buffer.byteLength(JSON.stringify(value, null, 2)) <= MAX_RESULT_BYTES)
  const { rows } = value as typeof content
  t.match(value, { count: 300, small: [1, 2, 3] })
  t.ok(rows.length > 80 && rows.every((one) => one.text.length === 1_000))
  t.equal(leftOut, `${300 - rows.length} items of its lists`)
  t.equal(content.rows.length, 300, 'the original is not changed')
})

test('structured content with items that are longer than the limit loses items inside them, then ends of texts', async (t) => {
  const measure = (value: unknown) => Buffer.byteLength(JSON.stringify(value, null, 2))
  const long = (bytes: number) => 'é"\n'.repeat(bytes / 4)
  const nested = {
    id: 'a'.repeat(1_000),
    rows: [{ name: 'first', lines: Array.from({ length: 9_000 }, () => 'x'.repeat(50)) }],
  }
  const cases: [title: string, content: object, leftOut: RegExp][] = [
    ['a list in a single item', nested, /^\d+ items of its lists$/],
    ['one long text', { id: 'x', text: long(400_000) }, /^\d+ KB of its texts$/],
    [
      'many long texts',
      { texts: Object.fromEntries(Array.from({ length: 40 }, (_, id) => [id, long(20_000)])) },
      /^\d+ KB of its texts$/,
    ],
    [
      'items with long texts',
      { rows: [{ text: long(300_000) }, { text: long(200_000) }] },
      /^1 items of its lists and \d+ KB of its texts$/,
    ],
    ['characters of four bytes', { text: '👩'.repeat(100_000) }, /KB of its texts$/],
    [
      'a list of texts',
      { texts: [long(200_000), 'short'] },
      /^1 items of its lists and \d+ KB of its texts$/,
    ],
  ]
  for (const [title, content, words] of cases) {
    const before = JSON.stringify(content)
    const { value, leftOut } = fitStructure(content)
    t.ok(measure(value) <= MAX_RESULT_BYTES, `${title}: ${measure(value)}`)
    t.ok(measure(value) > MAX_RESULT_BYTES / 4, `${title}: no more than needed`)
    t.match(leftOut, words, title)
    t.notMatch(JSON.stringify(value), '\ufffd', title)
    t.equal(JSON.stringify(content), before, 'the original is not changed')
  }
  t.match(fitStructure(nested).value, { id: nested.id, rows: [{ name: 'first' }] }, 'ids stay whole')
  t.match(JSON.stringify(fitStructure({ text: long(400_000) }).value), /…"\}$/, 'a text that was cut says so')
})

test('what is cut says so, how much it is, and where the rest is', async (t) => {
  const long = createTool('long', async (_params, { sentryHost }) => {
    const headers = { authorization: `Bearer ${TOKEN_PLACEHOLDER}` }
    await fetchUpstream(`http://${sentryHost}/api/0/auth/`, { headers })
    return `# Events\n${'\n## Event\n\nline\n'.repeat(20_000)}`
  })
  const rows = createTool('rows', async () => ({
    structuredContent: { rows: Array.from({ length: 3_000 }, (_, id) => ({ id, text: 'x'.repeat(100) })) },
  }))
  const item = createTool('item', async () => ({
    structuredContent: { item: { text: 'x'.repeat(300_000) } },
  }))
  const service = await startMcp(t, { tools: { long, rows, item }, settings: { TOOL_SURFACE: 'full' } })
  const result = await service.call('long', {})
  const text = result.content[0]?.text ?? ''
  t.match(
    text,
    /\nLeft out: \d+ KB of \d+ KB, because the result is longer than 100 KB\. A narrower query.*http:\/\/127\.0\.0\.1:\d+\/$/,
  )
  t.match(readFence(text)?.inside, /line$/)
  const listed = await service.call('rows', {})
  t.match(listed.content[0]?.text, /\nLeft out: \d+ items of its lists/)
  const [json = ''] = (listed.content[0]?.text ?? '').split('\n\nLeft out')
  t.same(JSON.parse(json), listed.structuredContent, 'text and structure are cut alike')
  const single = await service.call('item', {})
  t.ok(JSON.stringify(single.structuredContent).length < MAX_RESULT_BYTES)
  t.match(single.content[0]?.text, /…"\n {2}\}\n\}\n\nLeft out: \d+ KB of its texts, because/)
})
