import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { type Audit, createAudit, openAuditSink } from '../lib/telemetry/audit.ts'
import type { Metrics } from '../lib/telemetry/metrics.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The audit log: who was given access to what, and how that ended. */
    audit: Audit
  }
}

async function auditPlugin(fastify: FastifyInstance) {
  const sink = openAuditSink(fastify.config, fastify.log)
  const audit = createAudit({ sink, signer: fastify.signer })
  fastify.decorate('audit', countEvents(audit, fastify.metrics))
  // Without a file, SIGHUP keeps its default meaning, to exit.
  if (fastify.config.AUDIT_LOG === 'file') process.on('SIGHUP', sink.reopen)
  fastify.addHook('onClose', async () => {
    process.off('SIGHUP', sink.reopen)
    sink.close()
  })
}

function countEvents(audit: Audit, metrics: Metrics): Audit {
  return {
    ...audit,
    write(event, source) {
      audit.write(event, source)
      metrics.recordAuditEvent(event)
    },
  }
}

export default fp(auditPlugin, {
  name: 'audit',
  fastify: '5.x',
  dependencies: ['config', 'crypto', 'metrics'],
})
