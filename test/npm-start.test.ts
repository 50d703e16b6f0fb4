import { tmpdir } from 'node:os'
import { test } from 'tap'
import { findFreePort } from './support/free-port.ts'
import { copyProject, createSettings, waitForResponse } from './support/project-copy.ts'

test('npm start reads .env beside package.json from any folder, and the environment wins', async (t) => {
  const project = copyProject(t)
  const port = await findFreePort()
  project.writeEnv({ ...createSettings(port, '/sentry'), PORT: '1' })
  const args = ['--prefix', project.folder, 'start']
  const server = project.run('npm', args, { PORT: String(port) }, tmpdir())
  const health = await waitForResponse(`http://127.0.0.1:${port}/sentry/health`, server)
  t.equal(await health?.text(), 'ok')
})

test('npm start works without .env', async (t) => {
  const project = copyProject(t)
  const port = await findFreePort()
  const server = project.run('npm', ['start'], createSettings(port))
  t.ok(await waitForResponse(`http://127.0.0.1:${port}/health`, server))
})

test('the commands for operators read .env as well', async (t) => {
  const project = copyProject(t)
  project.writeEnv(createSettings(3000))
  const grants = project.run('npm', ['--prefix', project.folder, 'run', 'grants', 'list'], {}, tmpdir())
  t.equal(await grants.exited, 1)
  t.match(grants.output, 'sentry-mcp.sqlite does not exist. DATA_DIR should be the folder of the service')
})

test('node server.ts never reads .env', async (t) => {
  const project = copyProject(t)
  project.writeEnv(createSettings(await findFreePort()))
  const server = project.run(process.execPath, ['server.ts'])
  t.equal(await server.exited, 1)
  t.match(server.output, 'BASE_URL is not set')
})
