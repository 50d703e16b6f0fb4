import { createBrowser, signIn } from '../sandbox/browser/browser.ts'
import { createTestClient } from '../support/client.ts'
import type { Lifetime } from '../support/lifetime.ts'
import { postMcp } from '../support/mcp.ts'
import { startNginx } from '../support/nginx.ts'
import type { ServiceProcess } from '../support/service-process.ts'
import { timeUntil } from '../support/wait-until.ts'
import { startDeployment } from './deployment.ts'
import type { Results } from './results.ts'

const TIMES = 100
const AT_ONCE = 5
const REDIRECT_URI = 'http://127.0.0.1:41998/callback'

/** The requests of a client and its user's browser, in order, with their paths. */
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
interface Proxy {
  url: string
  port: number
  ca: string
}

/** Which proxy a step uses. */
type ChooseProxy = (step: Step) => Proxy

/** Sign-ins that change from one instance to the other. */
export async function testSpreadSignIn(t: Lifetime, results: Results): Promise<void> {
  const { url, instances } = await startDeployment(t)
  const proxies = await Promise.all(instances.map((instance) => startProxy(t, instance)))
  const [first, second] = proxies
  if (first === undefined || second === undefined) throw new TypeError('There are two instances.')

  const section = results.addSection('Two instances behind nginx with TLS')
  for (const [index, step] of NAMES.entries()) {
    if (index === 0) continue
    const name = `${TIMES} sign-ins begun at one instance, from ${step} on at the other`
    await section.record(name, 'The usual sign-in', async (check) => {
      const known = instances.map(({ log }) => log.length)
      const times: number[] = []
      const failed: string[] = []
      await runAll(TIMES, AT_ONCE, async (turn) => {
        const [from, to] = turn % 2 === 0 ? [first, second] : [second, first]
        const startedAt = performance.now()
        const failure = await signInOver(url, (at) => (NAMES.indexOf(at) < index ? from : to)).catch(String)
        times.push(performance.now() - startedAt)
        if (failure !== undefined) failed.push(failure)
      })
      check('every sign-in succeeds', failed.length === 0, failed)
      const count = () => instances.map(({ log }, at) => countSteps(log.slice(known[at])))
      const isHalf = () => count().every((counts) => counts.every((steps) => steps === TIMES / 2))
      check('each instance had half of every step', (await timeUntil(isHalf, 2_000)) !== undefined, count())
      const median = times.sort((one, other) => one - other)[TIMES / 2] ?? 0
      return `${TIMES - failed.length} of ${TIMES} succeeded, half of them in each direction; median ${Math.round(median)} ms`
    })
  }
}

async function startProxy(t: Lifetime, { port }: ServiceProcess): Promise<Proxy> {
  const { url, ca } = await startNginx(t, { instances: [port] })
  return { url, port: Number(new URL(url).port), ca }
}

/** Signs in and calls a tool; returns the failure, if there is one. */
async function signInOver(baseUrl: string, at: ChooseProxy): Promise<string | undefined> {
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
  const redirect = await signIn(browser, createAuthorizeUrl({ resource }))

  const token = await fetch(`${at('token').url}${STEPS.token}`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: id,
      code: redirect.searchParams.get('code') ?? '',
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

/** How often each step happened, by the log of an instance. */
function countSteps(log: readonly string[]): number[] {
  const requests = log.filter((line) => line.includes('"msg":"request"'))
  return NAMES.map((step) => requests.filter((line) => line.includes(`"path":"${STEPS[step]}"`)).length)
}
