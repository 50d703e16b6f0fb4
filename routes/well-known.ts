import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { createResource } from '../lib/model/resource.ts'
import { createEndpoints } from '../lib/oauth/endpoints.ts'
import {
  AuthorizationServerMetadataSchema,
  createAuthorizationServerMetadata,
  createProtectedResourceMetadata,
  ProtectedResourceMetadataSchema,
  type ServerOffers,
} from '../lib/oauth/metadata.ts'

export interface WellKnownOptions {
  baseUrl: string
  scopes: readonly string[]
  /** How clients can come to be known now; what `auto` finds out may change. */
  findOffers(): ServerOffers
}

const AuthorizationServerSchema = { response: { 200: AuthorizationServerMetadataSchema } }
const NotFoundSchema = Type.Object({ error: Type.String() })
const ProtectedResourceSchema = { response: { 200: ProtectedResourceMetadataSchema, 404: NotFoundSchema } }

/**
 * The discovery documents. The authorization server's is answered wherever clients of any revision look: RFC 8414
 * §3.1 at the root and with a path inserted, and the two OpenID Connect forms. The protected resource's is
 * answered for each path that a resource can have, its identifier exactly that URL (RFC 9728 §3.3).
 */
const wellKnownRoutes: FastifyPluginAsyncTypebox<WellKnownOptions> = async (
  fastify,
  { baseUrl, scopes, findOffers },
) => {
  const endpoints = createEndpoints(baseUrl)

  fastify.addHook('onSend', async (_request, reply) => {
    if (reply.statusCode === 200) reply.header('cache-control', 'public, max-age=300')
  })

  for (const url of [
    '/.well-known/oauth-authorization-server',
    '/.well-known/oauth-authorization-server/*',
    '/.well-known/openid-configuration',
    '/.well-known/openid-configuration/*',
    '/mcp/.well-known/openid-configuration',
  ]) {
    fastify.get(url, { schema: AuthorizationServerSchema }, async () =>
      createAuthorizationServerMetadata(endpoints, scopes, findOffers()),
    )
  }

  for (const url of [
    '/.well-known/oauth-protected-resource',
    '/.well-known/oauth-protected-resource/mcp',
    '/.well-known/oauth-protected-resource/mcp/:organization',
    '/.well-known/oauth-protected-resource/mcp/:organization/:project',
  ]) {
    fastify.get<{ Params: { organization?: string; project?: string } }>(
      url,
      { schema: ProtectedResourceSchema },
      async ({ params }, reply) => {
        const resource = createResource(baseUrl, params.organization, params.project)
        if (resource === undefined) return reply.code(404).send({ error: 'not_found' })
        return createProtectedResourceMetadata(resource, endpoints, scopes)
      },
    )
  }
}

export default wellKnownRoutes
