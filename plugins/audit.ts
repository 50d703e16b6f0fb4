import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { type Audit, createAudit } from '../lib/audit.ts'
import { openAuditSink } from '../lib/audit-sink.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The audit log: who was let in to what, and how it ended. */
    audit: Audit
  }
}

async function auditPlugin(fastify: FastifyInstance) {
  const sink = openAuditSink(fastify.config, fastify.log)
  fastify.decorate('audit', createAudit({ sink, signer: fastify.signer }))
  // Without a file the signal keeps its ordinary meaning, which is to end.
  if (fastify.config.AUDIT_LOG === 'file') process.on('SIGHUP', sink.reopen)
  fastify.addHook('onClose', async () => {
    process.off('SIGHUP', sink.reopen)
    sink.close()
  })
}

export default fp(auditPlugin, { name: 'audit', fastify: '5.x', dependencies: ['config', 'crypto'] })
