import type { Page } from 'playwright-core'

/** A way in which a user looks at a page. */
export interface Mode {
  name: string
  colorScheme: 'light' | 'dark'
  /** In CSS pixels. */
  width: number
  height: number
}

export const MODES: readonly Mode[] = [
  { name: 'light', colorScheme: 'light', width: 1280, height: 900 },
  { name: 'dark', colorScheme: 'dark', width: 1280, height: 900 },
  // The narrowest there is, and as wide as a window of 1280 pixels at 400 % (WCAG 2.2 1.4.10).
  { name: 'phone', colorScheme: 'dark', width: 320, height: 640 },
  // A window of 1280 pixels at 200 % has half as many CSS pixels.
  { name: '200%', colorScheme: 'light', width: 640, height: 450 },
]

/** Shows a page that is open already in another mode. */
export async function switchMode(page: Page, { colorScheme, width, height }: Mode): Promise<void> {
  await page.emulateMedia({ colorScheme })
  await page.setViewportSize({ width, height })
}
