/**
 * The browser that clients find on the machine of a test: `open-browser.ts <address>` goes through the sign-in that
 * begins there and calls the client back, as a person's browser does.
 */
import { createBrowser, signIn } from '../sandbox/browser/browser.ts'

const answer = await signIn(createBrowser(), process.argv[2] ?? '')
await (await fetch(answer)).body?.cancel()
