import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { onErrorLine } from '../lib/telemetry/error-log-channel.ts'

/** How long the end of the process waits for reports under way, in ms. */
const REPORT_PATIENCE = 2_000

/** Reports to SENTRY_DSN what the log tells of as an error of our own. */
async function errorReportsPlugin(fastify: FastifyInstance) {
  const { config } = fastify
  if (config.SENTRY_DSN === undefined) return
  const { openErrorReports } = await import('../lib/telemetry/error-reports.ts')
  const reports = openErrorReports(config.SENTRY_DSN, config)
  const stopWatching = onErrorLine(reports.report)
  fastify.addHook('onClose', async () => {
    stopWatching()
    await reports.close(REPORT_PATIENCE)
  })
}

export default fp(errorReportsPlugin, { name: 'error-reports', fastify: '5.x', dependencies: ['config'] })
