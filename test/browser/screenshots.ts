/**
 * Pictures of the pages: `node test/browser/screenshots.ts <folder> [page …] [--mode light]`. Without names it takes
 * all pages, without a mode all modes.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createLifetime } from '../support/lifetime.ts'
import { MODES, switchMode } from './modes.ts'
import { createPageCases } from './page-cases.ts'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { mode: { type: 'string', multiple: true } },
})
const [folder, ...names] = positionals
if (folder === undefined) throw new Error('Name the folder to write to.')
mkdirSync(folder, { recursive: true })

await using closing = new AsyncDisposableStack()
const { browser, cases } = await createPageCases(createLifetime(closing))
const modes = MODES.filter(({ name }) => values.mode?.includes(name) ?? true)
for (const { name, open } of cases) {
  const isWanted = names.length === 0 || names.includes(name)
  // The account pages follow from one another.
  if (!isWanted && !name.startsWith('account')) continue
  const context = await browser.newContext({ deviceScaleFactor: 2 })
  const page = await context.newPage()
  await open(page)
  for (const mode of isWanted ? modes : []) {
    await switchMode(page, mode)
    const path = join(folder, `${name}.${mode.name.replace('%', '')}.png`)
    await page.screenshot({ path, fullPage: true })
    process.stdout.write(`${path}\n`)
  }
  await context.close()
}
