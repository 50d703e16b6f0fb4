import { test } from 'tap'
import { findFreePort } from '../support/free-port.ts'
import { copyProject, createSettings, waitForResponse } from '../support/project-copy.ts'

test('npm run dev names all mistakes once, and starts when .env is corrected', async (t) => {
  const project = copyProject(t)
  const port = await findFreePort()
  const settings = createSettings(port)
  project.writeEnv({ ...settings, PORT: '70000', STORE: 'postgres', SENTRY_HOST: undefined })
  const dev = project.run('npm', ['run', 'dev'])
  await dev.waitFor('The server starts when .env is corrected.')
  for (const problem of ['SENTRY_HOST is not set', 'PORT should be', 'STORE should be'])
    t.equal(dev.output.split(problem).length, 2, `${problem}, once`)
  t.match(dev.output, 'Invalid configuration:')
  t.notMatch(dev.output, /\n\s+at |Error:/, 'no stack trace')

  project.writeEnv(settings)
  const health = await waitForResponse(`http://127.0.0.1:${port}/health`, dev)
  t.equal(await health?.text(), 'ok')
  t.equal(dev.output.split('Invalid configuration:').length, 2)
})

test('every setting means the same as in npm start', async (t) => {
  const project = copyProject(t)
  const port = await findFreePort()
  project.writeEnv({ ...createSettings(port, '/sentry'), PORT: '1', TRUST_PROXY: '127.0.0.1' })
  const dev = project.run(process.execPath, ['commands/dev.ts'], { PORT: String(port) })
  const health = await waitForResponse(`http://127.0.0.1:${port}/sentry/health`, dev)
  t.equal(await health?.text(), 'ok', 'the path of BASE_URL, and PORT of the environment before that of .env')
  await t.rejects(fetch(`http://127.0.0.2:${port}/health`), 'HOST')
  const headers = { 'x-forwarded-for': '203.0.113.7' }
  t.equal((await fetch(`http://127.0.0.1:${port}/sentry/nothing`, { headers })).status, 404)
  await dev.waitFor('203.0.113.7')

  dev.child.kill('SIGTERM')
  let status: number | undefined
  while (status !== 503) status = (await fetch(`http://127.0.0.1:${port}/sentry/health/ready`)).status
  t.equal(await dev.exited, 0, 'it drains on SIGTERM')
  await t.rejects(fetch(`http://127.0.0.1:${port}/sentry/health`), 'and leaves no server behind')
})

test('error-level lines are reported with SENTRY_DSN, as in npm start', async (t) => {
  const script = `const { options } = await import('./commands/dev-app.ts')
    console.log(typeof options.logger.hooks?.logMethod)`
  const env = { ...createSettings(3000), SENTRY_DSN: 'http://k@127.0.0.1:9/1' }
  const program = copyProject(t).run(process.execPath, ['--input-type=module', '--eval', script], env)
  t.equal(await program.exited, 0)
  t.equal(program.output, 'function\n')
})
