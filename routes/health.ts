import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { Drain } from '../lib/http/drain.ts'
import type { Store } from '../lib/store/store.ts'

export interface HealthOptions {
  store: Store
  drain: Pick<Drain, 'isDraining'>
}

const ReadinessSchema = Type.Object({
  status: Type.Union([Type.Literal('ready'), Type.Literal('draining'), Type.Literal('store_unavailable')]),
  store: Type.String(),
})

const schema = { response: { 200: ReadinessSchema, 503: ReadinessSchema } }

const healthRoutes: FastifyPluginAsyncTypebox<HealthOptions> = async (fastify, { store, drain }) => {
  /** Liveness. It uses neither store nor Sentry, so that an outage of theirs restarts no instance. */
  fastify.get('/health', { logLevel: 'warn' }, async (_request, reply) => reply.type('text/plain').send('ok'))

  /** Readiness: whether new requests will be served. */
  fastify.get('/health/ready', { schema, logLevel: 'warn' }, async (_request, reply) => {
    const status = drain.isDraining ? 'draining' : await readStoreStatus()
    return reply.code(status === 'ready' ? 200 : 503).send({ status, store: store.kind })
  })

  async function readStoreStatus() {
    try {
      await store.ping()
      return 'ready'
    } catch {
      return 'store_unavailable'
    }
  }
}

export default healthRoutes
