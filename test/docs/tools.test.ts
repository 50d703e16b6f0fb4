import { readFileSync } from 'node:fs'
import { test } from 'tap'
import { renderToolsPage } from '../../upstream/tools-page.ts'

test('docs/tools.md is what npm run docs:tools writes', async (t) => {
  const page = readFileSync(new URL('../../docs/tools.md', import.meta.url), 'utf8')
  t.equal(page, await renderToolsPage())
  t.ok((page.match(/^\| `\w+` \| (reads|writes|calls others) \|/gm) ?? []).length > 50)
})
