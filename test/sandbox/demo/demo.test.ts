import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'

const run = promisify(execFile)
const DEMO = join(import.meta.dirname, 'demo.ts')

test('npm run demo passes every step, with any settings in the shell', async (t) => {
  const env = {
    ...process.env,
    READ_ONLY: 'true',
    DISABLED_TOOLS: 'whoami',
    STORE: 'redis',
    NODE_OPTIONS: '',
  }
  const { stdout } = await run(process.execPath, [DEMO, '--once'], { env })
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
