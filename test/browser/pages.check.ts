import axe from 'axe-core'
import type { Page } from 'playwright-core'
import { test } from 'tap'
import { MODES, switchMode } from './modes.ts'
import { createPageCases, type PageCase } from './page-cases.ts'

/** What is wrong with a page in one mode; empty if nothing is. */
type Finding = string[]

/** The errors in the console of a page, to which the browser also reports violated policies. */
function collectErrors(page: Page): string[] {
  const errors: string[] = []
  page.on('console', (message) => {
    // The status of the page itself is expected.
    const isStatus = /^Failed to load resource/.test(message.text()) && message.location().url === page.url()
    if (message.type() === 'error' && !isStatus) errors.push(message.text())
  })
  page.on('pageerror', (error) => errors.push(error.message))
  return errors
}

/** The rules of axe-core that a page breaks, and what is wider than the window. */
async function findProblems(page: Page): Promise<Finding> {
  const { violations } = (await page.evaluate('axe.run()')) as axe.AxeResults
  const tooWide = (await page.evaluate(`[...document.querySelectorAll('body *')]
    .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
    .map((element) => element.tagName.toLowerCase() + ' is wider than the window')`)) as string[]
  const broken = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target).join(', ')}`)
  return [...broken, ...tooWide.slice(0, 3)]
}

/** Goes through a page with Tab: everything that can be used is reached, in its order, and is seen to be. */
async function walkByKeyboard(page: Page): Promise<Finding> {
  const count = (await page.evaluate(`(() => {
    const usable = [...document.querySelectorAll('a[href], button, input, summary')]
      .filter((element) => element.type !== 'hidden' && element.checkVisibility())
    window.walk = []
    addEventListener('focusin', ({ target }) => {
      const { outlineStyle, outlineWidth } = getComputedStyle(target)
      walk.push([usable.indexOf(target), outlineStyle !== 'none' && parseInt(outlineWidth) >= 2])
    })
    return usable.length
  })()`)) as number
  for (let index = 0; index < count; index += 1) await page.keyboard.press('Tab')
  const walk = (await page.evaluate('walk')) as [place: number, isSeen: boolean][]
  return Array.from({ length: count }, (_, index) => {
    const [place, isSeen] = walk[index] ?? []
    if (place !== index) return `Tab ${index + 1} reaches element ${place}`
    return isSeen ? '' : `element ${index} shows no focus`
  }).filter((problem) => problem !== '')
}

test('every page works in every mode: axe-core finds nothing, nothing is wider than the window (WCAG 2.2 1.4.3, 1.4.10), the keyboard reaches everything (2.1.1, 2.4.7), and no policy is violated', async (t) => {
  const { browser, cases } = await createPageCases(t)
  const columns = [...MODES.map(({ name }) => name), 'keyboard', 'no script', 'console']
  const rows: string[] = [`| page | ${columns.join(' | ')} |`]
  for (const pageCase of cases) {
    const findings = await checkPage(pageCase)
    rows.push(
      `| ${pageCase.name} | ${findings.map((found) => (found.length === 0 ? 'ok' : 'NO')).join(' | ')} |`,
    )
    for (const [index, found] of findings.entries()) t.same(found, [], `${pageCase.name}: ${columns[index]}`)
  }
  t.comment(rows.join('\n'))

  async function checkPage({ name, open, shows, status }: PageCase): Promise<Finding[]> {
    const context = await browser.newContext()
    const page = await context.newPage()
    const errors = collectErrors(page)
    let lastStatus: number | undefined
    page.on('response', (response) => {
      if (response.request().isNavigationRequest()) lastStatus = response.status()
    })
    await open(page)
    t.equal(lastStatus, status, `${name} has the status ${status}`)
    t.match(await page.locator('body').innerText(), shows, `${name} shows: ${shows}`)
    const html = await page.content()
    await page.evaluate(axe.source)
    const findings: Finding[] = []
    for (const mode of MODES) {
      await switchMode(page, mode)
      findings.push(await findProblems(page))
    }
    findings.push(await walkByKeyboard(page))
    findings.push(/<script|\son\w+=|javascript:/i.test(html) ? ['there is script'] : [])
    findings.push(errors)
    await context.close()
    return findings
  }
})
