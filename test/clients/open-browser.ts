/**
 * The browser of a test's machine: `open-browser.ts <address>` goes through the sign-in that begins there and calls
 * the client back, as a user's browser does.
 */
import { createBrowser, signIn } from '../sandbox/browser/browser.ts'

const redirect = await signIn(createBrowser(), process.argv[2] ?? '')
await (await fetch(redirect)).body?.cancel()
