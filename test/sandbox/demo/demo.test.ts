import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { test } from 'tap'
import { listToolCalls } from '../../stand-in/tool-calls.ts'
import { registerClient } from '../../support/client.ts'
import { startProcess } from '../../support/running-process.ts'
import { startService, useEmbeddedStore } from '../../support/service.ts'
import { startDocsSite } from '../docs-site.ts'
import { walk } from '../walk/walk.ts'

const run = promisify(execFile)
const DEMO = join(import.meta.dirname, 'demo.ts')

// npm takes the -- away, pnpm passes it on.
test('npm run demo passes every step, with any settings in the shell', async (t) => {
  const env = {
    ...process.env,
    READ_ONLY: 'true',
    DISABLED_TOOLS: 'whoami',
    STORE: 'redis',
    NODE_OPTIONS: '',
  }
  const { stdout } = await run(process.execPath, [DEMO, '--', '--once'], { env })
  const steps = [...stdout.matchAll(/^ {2}ok {2}(.+?) {2,}/gm)].map(([, step]) => step)
  t.same(steps, [
    '401 challenge',
    'protected resource metadata',
    'authorization server metadata',
    'registration',
    'authorize',
    'consent',
    'sign-in at Sentry',
    'approval at Sentry',
    'callback',
    'authorization response',
    'token',
    'initialize',
    'notifications/initialized',
    'tools/list',
    'whoami',
    'find_organizations',
    'search_issues',
  ])
})

test('an unknown option is named, and nothing is started', async (t) => {
  await t.rejects(run(process.execPath, [DEMO, '--twice']), {
    code: 1,
    stdout: /--twice.*--once and --verbose/,
  })
})

test('it stays up, says what there is to open, and prints a line for each sign-in and call', async (t) => {
  const demo = startProcess([process.execPath, DEMO])
  t.teardown(() => demo.end('SIGKILL'))
  const waitFor = async (pattern: RegExp) => {
    while (demo.ending === undefined && !pattern.test(demo.stdout)) await sleep(20)
    return pattern.exec(demo.stdout) ?? []
  }
  const [, url = ''] = await waitFor(/^ {2}(\S+)\/account /m)
  const [, sentryUrl = ''] = await waitFor(/^ {2}(\S+)\/ +the Sentry behind it/m)
  await waitFor(/From here on/)
  t.equal((await fetch(`${url}/account`)).status, 200)
  const page = await (await fetch(sentryUrl)).text()
  const [, issue = ''] = /href="([^"]+)">STOREFRONT-1</.exec(page) ?? []
  t.match(await (await fetch(sentryUrl + issue)).text(), /STOREFRONT-1 in \w+, unresolved, \d+ events/)

  await walk(`${url}/mcp`, { onStep: () => undefined, clientName: 'Second client' })
  await waitFor(/Second client called search_issues/)
  const lines = demo.lines.filter((line) => line.includes('Second client')).map((line) => line.slice(12))
  t.match(lines, [
    'Second client registered',
    'Second client signed in',
    /^Second client called whoami: ok, \d+ ms$/,
    /^Second client called find_organizations: ok/,
    /^Second client called search_issues: ok/,
  ])
  t.equal((await demo.end('SIGINT')).code, 0)
})

test('every tool that the demo lists responds with something', async (t) => {
  const docs = await startDocsSite()
  t.teardown(() => docs.close())
  t.teardown(docs.redirectSentryDocs())
  const { url, sentry } = await startService(t, {
    sentry: { seerPolls: 0 },
    settings: { ...useEmbeddedStore(t), DIRECT_SEARCH: 'true', MCP_URL: docs.url },
  })
  const { access_token: token } = await (await registerClient(url)).signIn()
  const send = async (method: string, params: object) => {
    const response = await fetch(`${url}/mcp`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        'content-type': 'application/json',
        'mcp-protocol-version': '2025-11-25',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    })
    return ((await response.json()) as { result: Record<string, unknown> }).result
  }
  const { tools } = (await send('tools/list', {})) as { tools: { name: string }[] }
  const [doc] = [{ name: 'get_doc', arguments: { path: '/platforms/javascript/guides/nextjs.md' } }]
  const calls = [...listToolCalls(sentry.data), doc]
  const wrapped = { name: 'find_monitors', arguments: { organizationSlug: 'tidewater-books' } }
  for (const name of ['read_sentry_tool', 'execute_sentry_tool']) calls.push({ name, arguments: wrapped })
  for (const { name } of tools) {
    const call = calls.find((one) => one?.name === name)
    const result = call === undefined ? undefined : await send('tools/call', call)
    t.match(result, { content: [{ text: /\w{3}/ }] }, name)
    t.notOk(result?.isError, `${name} ${JSON.stringify(result).slice(0, 300)}`)
  }
})
