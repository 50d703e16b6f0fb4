import closeWithGrace from 'close-with-grace'
import Fastify from 'fastify'
import { loadConfig } from './lib/config/load.ts'
import { StartUpError } from './lib/errors.ts'

/** How much of SHUTDOWN_GRACE is for telling proxies, in ms per second of it: a fifth. */
const DRAIN_PAUSE = 200

try {
  await start()
} catch (error) {
  // What whoever runs it can mend is told in its own words; a stack would only bury them.
  process.stderr.write(`${error instanceof StartUpError ? error.message : (error as Error).stack}\n`)
  process.exit(1)
}

async function start() {
  const config = loadConfig(process.env)
  // Loading everything takes a second, which nobody should wait for to hear of a wrong setting.
  const { default: app, createOptions } = await import('./app.ts')
  const server = Fastify(createOptions(config))

  // A hang-up ends the process too, unless it stands for "the audit log was moved away".
  const skip = config.AUDIT_LOG === 'file' ? ['SIGHUP' as const] : []
  closeWithGrace(
    { delay: config.SHUTDOWN_GRACE * 1000, logger: server.log, skip },
    async ({ err, signal }) => {
      if (err) server.log.fatal({ err }, 'ends after an error that nothing caught')
      else server.log.info({ signal }, 'ends')
      // Whoever presses Ctrl-C does not want to wait, and what is broken should not go on.
      if (signal === 'SIGTERM' && server.server.listening) {
        await server.drain.run(config.SHUTDOWN_GRACE * DRAIN_PAUSE)
      }
      await server.close()
    },
  )

  await server.register(app, { config })
  await server.listen({ port: config.PORT, host: config.HOST }).catch((cause) => {
    throw new StartUpError(`Cannot listen on ${config.HOST}:${config.PORT}: ${cause.message}`, { cause })
  })
}
