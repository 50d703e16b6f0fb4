import closeWithGrace from 'close-with-grace'
import Fastify from 'fastify'
import { loadConfig } from './lib/config/load.ts'
import { findWarnings } from './lib/config/warnings.ts'
import { StartUpError } from './lib/errors.ts'

try {
  await start()
} catch (error) {
  // Errors that the operator can fix are printed without a stack.
  process.stderr.write(`${error instanceof StartUpError ? error.message : (error as Error).stack}\n`)
  process.exit(1)
}

async function start() {
  const config = loadConfig(process.env)
  // Loading the app takes a second; invalid settings are reported before.
  const { default: app, createOptions, findDrainNotice } = await import('./app.ts')
  const server = Fastify(createOptions(config))
  for (const warning of findWarnings(config, process.env)) server.log.warn(warning)

  // With an audit file, SIGHUP does not end the process: it says that the file was rotated.
  const skip = config.AUDIT_LOG === 'file' ? ['SIGHUP' as const] : []
  closeWithGrace(
    { delay: config.SHUTDOWN_GRACE * 1000, logger: server.log, skip },
    async ({ err, signal }) => {
      if (err) server.log.fatal({ err }, 'uncaught error, shutting down')
      else server.log.info({ signal }, 'shutting down')
      // Ctrl-C ends at once, and so does an uncaught error, after which the state may be broken.
      if (signal === 'SIGTERM' && server.server.listening) {
        await server.drain.run(findDrainNotice(config))
      }
      await server.close()
    },
  )

  await server.register(app, { config })
  await server.listen({ port: config.PORT, host: config.HOST }).catch((cause) => {
    throw new StartUpError(`Cannot listen on ${config.HOST}:${config.PORT}: ${explainListenError(cause)}`, {
      cause,
    })
  })
}

function explainListenError({ code, message }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'EADDRINUSE':
      return 'another program listens there (EADDRINUSE). Stop it, or set PORT, and the port in BASE_URL, to a free one.'
    case 'EACCES':
      return 'this user may not open that port (EACCES). Set PORT to one above 1023, and put a proxy in front for 443.'
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `this machine does not have that address (${code}). Set HOST to one of its own, or to 0.0.0.0 for all.`
    default:
      return message
  }
}
