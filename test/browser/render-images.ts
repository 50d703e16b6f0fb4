/**
 * `npm run docs:images`: makes the pictures of the README, in light and in dark. docs/images/consent-*.png is the page
 * as Chromium shows it; docs/images/demo-*.svg plays what `npm run demo` prints at the pace at which it was printed.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { walk } from '../sandbox/walk/walk.ts'
import { registerClient } from '../support/client.ts'
import { createLifetime, type Lifetime } from '../support/lifetime.ts'
import { ROOT, startProcess } from '../support/running-process.ts'
import { startService, useEmbeddedStore } from '../support/service.ts'
import { startChromium } from './chromium.ts'
import { renderRecording, type TimedLine } from './recording.ts'

const FOLDER = join(ROOT, 'docs/images')
const DEMO = join(ROOT, 'test/sandbox/demo/demo.ts')
const CLIENT_NAME = 'Claude Code'

await using closing = new AsyncDisposableStack()
const lifetime = createLifetime(closing)
mkdirSync(FOLDER, { recursive: true })
await renderConsentPage(lifetime)
const lines = await recordDemo(lifetime)
for (const theme of ['light', 'dark'] as const)
  writeFileSync(join(FOLDER, `demo-${theme}.svg`), renderRecording(lines, theme))

async function renderConsentPage(t: Lifetime): Promise<void> {
  const { url } = await startService(t, {
    settings: { ...useEmbeddedStore(t), SENTRY_PUBLIC_URL: 'https://sentry.example.com' },
  })
  const client = await registerClient(url, 'http://localhost:41998/callback', CLIENT_NAME)
  const browser = await startChromium(t)
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await browser.newPage({
      colorScheme,
      deviceScaleFactor: 1.5,
      viewport: { width: 720, height: 480 },
    })
    await page.goto(client.createAuthorizeUrl())
    await page.screenshot({ path: join(FOLDER, `consent-${colorScheme}.png`), fullPage: true })
  }
}

/** Runs the demo with one client that connects to it. */
async function recordDemo(t: Lifetime): Promise<TimedLine[]> {
  const startedMs = performance.now()
  const recorded: TimedLine[] = [{ text: '$ npm run demo', atMs: 0 }]
  const demo = startProcess([process.execPath, DEMO], { env: { FORCE_COLOR: '1' } })
  let rest = ''
  demo.child.stdout?.on('data', (chunk: string) => {
    const atMs = performance.now() - startedMs
    const texts = `${rest}${chunk}`.split('\n')
    rest = texts.pop() ?? ''
    recorded.push(...texts.map((text) => ({ text, atMs })))
  })
  t.teardown(() => demo.end('SIGINT'))
  async function waitFor(pattern: RegExp): Promise<string> {
    for (;;) {
      const match = pattern.exec(demo.stdout)
      if (match !== null) return match[0]
      if (demo.ending !== undefined) throw new Error(`The demo ended:\n${demo.stdout}`)
      await sleep(20)
    }
  }
  const mcpUrl = await waitFor(/http:\/\/localhost:\d+\/mcp$/m)
  await waitFor(/a line for each sign-in and call/)
  await walk(mcpUrl, { clientName: CLIENT_NAME })
  await waitFor(/called search_issues/)
  return recorded
}
