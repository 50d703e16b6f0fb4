import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'
import type { Lifetime } from '../support/lifetime.ts'

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/**
 * A real, headless Chromium that ends with the test; CHROMIUM names its path where it is not a usual one. `hosts` are
 * names that it finds on a port of this machine.
 */
export async function startChromium(
  t: Lifetime,
  hosts: Readonly<Record<string, number>> = {},
): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? PLACES.find((place) => existsSync(place))
  if (executablePath === undefined) {
    throw new Error(
      'This needs Chromium: install it (on Debian: apt-get install chromium) or name it in CHROMIUM.',
    )
  }
  const rules = Object.entries(hosts).map(([host, port]) => `MAP ${host} 127.0.0.1:${port}`)
  const browser = await chromium.launch({
    executablePath,
    args: [
      ...['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-sync'],
      `--host-resolver-rules=${rules.join(',')}`,
    ],
  })
  t.teardown(() => browser.close())
  return browser
}
