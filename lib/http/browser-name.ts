/** The first that occurs in a User-Agent names the browser: most of them also claim to be those after them. */
const BROWSERS: readonly (readonly [token: RegExp, name: string])[] = [
  [/\bEdg(?:e|A|iOS)?\//, 'Edge'],
  [/\bOPR\//, 'Opera'],
  [/\bSamsungBrowser\//, 'Samsung Internet'],
  [/\b(?:Firefox|FxiOS)\//, 'Firefox'],
  [/\b(?:Chrome|Chromium|CriOS)\//, 'Chrome'],
  [/\bSafari\//, 'Safari'],
]

const SYSTEMS: readonly (readonly [token: RegExp, name: string])[] = [
  [/\b(?:iPhone|iPad|iPod)\b/, 'iOS'],
  [/\bAndroid\b/, 'Android'],
  [/\bCrOS\b/, 'ChromeOS'],
  [/\bWindows\b/, 'Windows'],
  [/\bMac OS X\b/, 'macOS'],
  [/\bLinux\b/, 'Linux'],
]

/** How much of a User-Agent is read. */
const MAX_LENGTH = 400

/**
 * A browser and its system in words, such as `Firefox on Windows`, with which users tell their sign-ins apart. Nothing
 * else of the header (RFC 9110 §10.1.5) is kept. Undefined for a program that is not a known browser.
 */
export function nameBrowser(userAgent: string | undefined): string | undefined {
  const text = (userAgent ?? '').slice(0, MAX_LENGTH)
  const [browser, system] = [BROWSERS, SYSTEMS].map((known) => known.find(([token]) => token.test(text))?.[1])
  if (browser === undefined) return undefined
  return system === undefined ? browser : `${browser} on ${system}`
}
