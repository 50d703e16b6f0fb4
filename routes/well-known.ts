import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { createResource } from '../lib/model/resource.ts'
import { createEndpoints } from '../lib/oauth/endpoints.ts'
import {
  type AdvertisedFeatures,
  AuthorizationServerMetadataSchema,
  createAuthorizationServerMetadata,
  createProtectedResourceMetadata,
  ProtectedResourceMetadataSchema,
} from '../lib/oauth/metadata.ts'

export interface WellKnownOptions {
  baseUrl: string
  scopes: readonly string[]
  /** What metadata advertises now; with CLIENT_ID_METADATA_DOCUMENTS=auto it may change. */
  getFeatures(): AdvertisedFeatures
}

const AuthorizationServerSchema = { response: { 200: AuthorizationServerMetadataSchema } }
const NotFoundSchema = Type.Object({ error: Type.String() })
const ProtectedResourceSchema = { response: { 200: ProtectedResourceMetadataSchema, 404: NotFoundSchema } }

/**
 * The discovery documents. The authorization server's is served at every URL that clients of any MCP revision try: RFC
 * 8414 §3.1 at the root and with a path inserted, and both forms of OpenID Connect. The protected resource's is served
 * for every path that a resource can have, and names exactly that resource (RFC 9728 §3.3).
 */
const wellKnownRoutes: FastifyPluginAsyncTypebox<WellKnownOptions> = async (
  fastify,
  { baseUrl, scopes, getFeatures },
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
      createAuthorizationServerMetadata(endpoints, scopes, getFeatures()),
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
