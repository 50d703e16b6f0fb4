import { createBrowser, signIn } from '../sandbox/browser/browser.ts'
import { createTestClient } from '../support/client.ts'
import { postMcp } from '../support/mcp.ts'
import { startNginx } from '../support/nginx.ts'
import type { Lifetime } from '../support/service.ts'
import { startCluster } from './cluster.ts'
import type { Instance } from './instance.ts'
import type { Journal } from './journal.ts'
import { waitUntil } from './wait-until.ts'

const TIMES = 100
const AT_ONCE = 5
const REDIRECT_URI = 'http://127.0.0.1:41998/callback'

/** What a client and its user's browser do, in order, and the path by which an instance's log names it. */
const STEPS = {
  discovery: '/.well-known/oauth-authorization-server',
  register: '/oauth/register',
  authorize: '/oauth/authorize',
  consent: '/oauth/consent',
  callback: '/oauth/callback',
  token: '/oauth/token',
  'first call': '/mcp/tidewater-books',
} as const
type Step = keyof typeof STEPS
const NAMES = Object.keys(STEPS) as Step[]

/** An nginx with TLS in front of one instance alone. */
interface Entrance {
  url: string
  port: number
  ca: string
}

/** Says for each step which entrance is taken. */
type Itinerary = (step: Step) => Entrance

/** Sign-ins that change the instance on their way. */
export async function testSpreadSignIn(t: Lifetime, journal: Journal): Promise<void> {
  const { url, instances } = await startCluster(t)
  const entrances = await Promise.all(instances.map((instance) => enterAt(t, instance)))
  const [first, second] = entrances
  if (first === undefined || second === undefined) throw new TypeError('There are two instances.')

  const chapter = journal.begin('Two instances behind nginx with TLS')
  for (const [index, step] of NAMES.entries()) {
    if (index === 0) continue
    const name = `${TIMES} sign-ins begun at one instance, from ${step} on at the other`
    await chapter.record(name, 'A sign-in like any other', async ({ expect }) => {
      const known = instances.map(({ log }) => log.length)
      const times: number[] = []
      const failed: string[] = []
      await runAll(TIMES, AT_ONCE, async (turn) => {
        const [from, to] = turn % 2 === 0 ? [first, second] : [second, first]
        const startedAt = performance.now()
        const broken = await signInOver(url, (at) => (NAMES.indexOf(at) < index ? from : to)).catch(String)
        times.push(performance.now() - startedAt)
        if (broken !== undefined) failed.push(broken)
      })
      expect('every sign-in succeeds', failed.length === 0, failed)
      const count = () => instances.map(({ log }, at) => countSteps(log.slice(known[at])))
      const isHalf = () => count().every((counts) => counts.every((steps) => steps === TIMES / 2))
      expect('each instance had half of every step', (await waitUntil(isHalf, 2_000)) !== undefined, count())
      const median = times.sort((one, other) => one - other)[TIMES / 2] ?? 0
      return `${TIMES - failed.length} of ${TIMES} succeeded, half of them in each direction; median ${Math.round(median)} ms`
    })
  }
}

async function enterAt(t: Lifetime, { port }: Instance): Promise<Entrance> {
  const { url, ca } = await startNginx(t, { instances: [port] })
  return { url, port: Number(new URL(url).port), ca }
}

/** A whole sign-in and a call; returns what went wrong, if anything did. */
async function signInOver(baseUrl: string, at: Itinerary): Promise<string | undefined> {
  const document = await fetch(`${at('discovery').url}${STEPS.discovery}`)
  if (document.status !== 200) return `discovery: ${document.status}`
  await document.body?.cancel()
  const registered = await fetch(`${at('register').url}${STEPS.register}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_name: 'Test client', redirect_uris: [REDIRECT_URI] }),
  })
  const { client_id: id } = (await registered.json()) as { client_id: string }
  const { createAuthorizeUrl, verifier } = createTestClient(baseUrl, id, REDIRECT_URI)

  const browser = createBrowser({
    ca: [at('authorize').ca, at('consent').ca, at('callback').ca],
    choosePort(url) {
      const step = NAMES.find((name) => url.pathname === STEPS[name])
      return url.origin === baseUrl && step !== undefined ? at(step).port : undefined
    },
  })
  const resource = `${baseUrl}${STEPS['first call']}`
  const answer = await signIn(browser, createAuthorizeUrl({ resource }))

  const token = await fetch(`${at('token').url}${STEPS.token}`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: id,
      code: answer.searchParams.get('code') ?? '',
      redirect_uri: REDIRECT_URI,
      code_verifier: verifier,
      resource,
    }),
  })
  if (token.status !== 200) return `token: ${token.status} ${await token.text()}`
  const { access_token: accessToken } = (await token.json()) as { access_token: string }
  const call = await postMcp(`${at('first call').url}${STEPS['first call']}`, accessToken, 'tools/call', {
    name: 'whoami',
    arguments: {},
  })
  const text = await call.text()
  return text.includes('mara@tidewater.example') ? undefined : `first call: ${call.status} ${text}`
}

async function runAll(times: number, atOnce: number, work: (turn: number) => Promise<void>): Promise<void> {
  let next = 0
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (next < times) await work(next++)
    }),
  )
}

/** How often each step was taken, by what an instance logged of it. */
function countSteps(log: readonly string[]): number[] {
  const requests = log.filter((line) => line.includes('"msg":"request"'))
  return NAMES.map((step) => requests.filter((line) => line.includes(`"path":"${STEPS[step]}"`)).length)
}
