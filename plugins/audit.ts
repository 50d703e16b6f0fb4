import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { type Audit, createAudit } from '../lib/telemetry/audit.ts'
import { openAuditSink } from '../lib/telemetry/audit-sink.ts'
import type { Metrics } from '../lib/telemetry/metrics.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The audit log: who was let in to what, and how it ended. */
    audit: Audit
  }
}

async function auditPlugin(fastify: FastifyInstance) {
  const sink = openAuditSink(fastify.config, fastify.log)
  const audit = createAudit({ sink, signer: fastify.signer })
  fastify.decorate('audit', countAudit(audit, fastify.metrics))
  // Without a file the signal keeps its ordinary meaning, which is to end.
  if (fastify.config.AUDIT_LOG === 'file') process.on('SIGHUP', sink.reopen)
  fastify.addHook('onClose', async () => {
    process.off('SIGHUP', sink.reopen)
    sink.close()
  })
}

function countAudit(audit: Audit, metrics: Metrics): Audit {
  return {
    ...audit,
    write(event, source) {
      audit.write(event, source)
      metrics.noteAuditEvent(event)
    },
  }
}

export default fp(auditPlugin, {
  name: 'audit',
  fastify: '5.x',
  dependencies: ['config', 'crypto', 'metrics'],
})
