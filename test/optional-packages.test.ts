import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { test } from 'tap'
import { ROOT } from './support/running-process.ts'
import { createSettings, NO_SENTRY } from './support/settings.ts'

const run = promisify(execFile)

/** What loads only when a setting, or a request, needs it. `@sentry/core` alone has 200 modules. */
const OPTIONAL = [
  ...['@opentelemetry/', '@prometheus-io/', '@sentry/core', '@sentry/node', 'node:sqlite'],
  '@modelcontextprotocol/sdk',
]

const SCRIPT = `
  import { registerHooks } from 'node:module'
  const loaded = []
  registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
  const { loadConfig } = await import('./lib/config/load.ts')
  const { default: Fastify } = await import('fastify')
  const { default: app, createOptions } = await import('./app.ts')
  const config = loadConfig({ ...process.env, REDIS_URL: 'redis://127.0.0.1:1' })
  const server = Fastify({ ...createOptions(config), logger: false })
  await server.register(app, { config })
  await server.ready()
  await server.close()
  console.log(JSON.stringify(loaded))
  process.exit()
`

test('a start with Redis loads no package that is optional', async (t) => {
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', SCRIPT], {
    cwd: ROOT,
    env: {
      PATH: process.env.PATH,
      ...createSettings('http://localhost:3000', NO_SENTRY),
      REDIS_WAIT: 'true',
    },
  })
  const loaded: string[] = JSON.parse(stdout)
  t.ok(loaded.some((url) => url.includes('/fastify/')))
  t.same(
    loaded.filter((url) => OPTIONAL.some((name) => url.includes(name))),
    [],
  )
})
