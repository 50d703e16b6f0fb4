import { readFileSync } from 'node:fs'
import Fastify from 'fastify'

/** The least that a Fastify server can do: read the request and send the same bytes every time. */
const body = readFileSync(process.env.BODY ?? '')
const server = Fastify()
server.post('/mcp', async (_request, reply) => reply.type('application/json').send(body))
await server.listen({ port: Number(process.env.PORT), host: '127.0.0.1' })
process.once('SIGTERM', () => server.close())
