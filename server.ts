import closeWithGrace from 'close-with-grace'
import Fastify from 'fastify'
import app, { createOptions } from './app.ts'
import { type Config, ConfigError, loadConfig } from './lib/config.ts'

const config = readConfig()
const server = Fastify(createOptions(config))

closeWithGrace({ delay: config.SHUTDOWN_GRACE * 1000, logger: server.log }, async ({ err, signal }) => {
  if (err) server.log.fatal({ err }, 'ends after an error that nothing caught')
  else server.log.info({ signal }, 'ends')
  await server.close()
})

try {
  await server.register(app, { config })
  await server.listen({ port: config.PORT, host: config.HOST })
} catch (err) {
  server.log.fatal({ err }, 'could not start')
  process.exit(1)
}

function readConfig(): Config {
  try {
    return loadConfig(process.env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  }
}
