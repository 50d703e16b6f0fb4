import { test } from 'tap'
import { findFreePort } from '../support/free-port.ts'
import { copyProject, createSettings, waitForResponse } from '../support/project-copy.ts'

test('npm run dev starts again with the values that .env has, and without those that it had', async (t) => {
  const project = copyProject(t)
  const [first, second] = [await findFreePort(), await findFreePort()]
  const settings = createSettings(first)
  project.writeEnv({ ...settings, LOG_LEVEL: 'error' })
  const dev = project.run(process.execPath, ['commands/dev.ts'])
  t.ok(await waitForResponse(`http://127.0.0.1:${first}/health`, dev))
  t.equal(dev.output, '', 'LOG_LEVEL')

  project.writeEnv({ ...settings, PORT: String(second) })
  t.ok(await waitForResponse(`http://127.0.0.1:${second}/health`, dev))
  await dev.waitFor('Server listening at')
  await t.rejects(fetch(`http://127.0.0.1:${first}/health`), 'the first server has ended')

  project.writeEnv({ ...settings, ENCRYPTION_KEY: undefined })
  await dev.waitFor('ENCRYPTION_KEY is not set')
  await t.rejects(fetch(`http://127.0.0.1:${second}/health`), 'nothing runs with settings that are gone')
  dev.child.kill('SIGINT')
  t.equal(await dev.exited, 0)
})

test('a server that exits is started again when code or .env changes', async (t) => {
  const project = copyProject(t)
  const port = await findFreePort()
  const settings = { ...createSettings(port), DISABLED_TOOLS: 'no_such_tool' }
  project.writeEnv(settings)
  const dev = project.run(process.execPath, ['commands/dev.ts'])
  await dev.waitFor('The server exited with 1. It starts again when code or .env changes.')
  t.match(dev.output, 'DISABLED_TOOLS should name tools that exist')
  project.writeEnv({ ...settings, DISABLED_TOOLS: undefined })
  t.ok(await waitForResponse(`http://127.0.0.1:${port}/health`, dev))
})
