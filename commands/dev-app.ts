import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import app, { createOptions, findDrainNotice } from '../app.ts'
import { loadConfig } from '../lib/config/load.ts'

// What commands/dev.ts gives to `fastify start --options`: the app and Fastify's options. Every setting means the same
// as in server.ts.

const config = loadConfig(process.env)

// fastify-cli requires both parameters.
async function devApp(fastify: FastifyInstance, _options: object) {
  let isTerminated = false
  await fastify.register(app, { config })
  // Not earlier: until it listens, nothing but the default action of the signal ends the process.
  fastify.addHook('onListen', async () => {
    process.once('SIGTERM', () => {
      isTerminated = true
    })
  })
  fastify.addHook('preClose', async () => {
    if (isTerminated) await fastify.drain.run(findDrainNotice(config))
  })
}

// Without commands/dev.ts nothing would end this process, and it would keep its port.
process.once('disconnect', () => process.exit(1))

export default fp(devApp, { name: 'dev-app', fastify: '5.x' })

export const options = createOptions(config)
