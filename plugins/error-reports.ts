import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { onErrorLine } from '../lib/telemetry/error-log-channel.ts'

/** How long a shutdown waits for the delivery of pending reports. */
const DELIVERY_TIMEOUT_MS = 2_000

/** Reports the service's own errors, as they are logged, to SENTRY_DSN. */
async function errorReportsPlugin(fastify: FastifyInstance) {
  const { config } = fastify
  if (config.SENTRY_DSN === undefined) return
  const { openErrorReports } = await import('../lib/telemetry/error-reports.ts')
  const reports = openErrorReports(config.SENTRY_DSN, config)
  const unsubscribe = onErrorLine(reports.report)
  fastify.addHook('onClose', async () => {
    unsubscribe()
    await reports.close(DELIVERY_TIMEOUT_MS)
  })
}

export default fp(errorReportsPlugin, { name: 'error-reports', fastify: '5.x', dependencies: ['config'] })
