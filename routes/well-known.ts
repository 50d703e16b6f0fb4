import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { createResource, spellResource } from '../lib/model/resource.ts'
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

const NotFoundSchema = Type.Object({ error: Type.String() })
const AuthorizationServerSchema = {
  response: { 200: AuthorizationServerMetadataSchema, 404: NotFoundSchema },
}
const ProtectedResourceSchema = { response: { 200: ProtectedResourceMetadataSchema, 404: NotFoundSchema } }

/**
 * The discovery documents. The authorization server's is served under the names of RFC 8414 and of OpenID Connect, for
 * the path of BASE_URL alone: elsewhere it would name another issuer than its URL (RFC 8414
 * §3.3), and clients that look there first fall back to the root on 404. The protected resource's is served for every
 * path that a resource can have, and names exactly that resource (RFC 9728 §3.3).
 */
const wellKnownRoutes: FastifyPluginAsyncTypebox<WellKnownOptions> = async (
  fastify,
  { baseUrl, scopes, getFeatures },
) => {
  const endpoints = createEndpoints(baseUrl)
  const basePath = new URL(baseUrl).pathname.replace(/\/$/, '')

  fastify.addHook('onSend', async (_request, reply) => {
    if (reply.statusCode === 200) reply.header('cache-control', 'public, max-age=300')
  })

  for (const url of ['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration']) {
    fastify.get(url, { schema: AuthorizationServerSchema }, async (request, reply) => {
      if (!hasPath(request.originalUrl, basePath)) return reply.code(404).send({ error: 'not_found' })
      return createAuthorizationServerMetadata(endpoints, scopes, getFeatures())
    })
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
      async ({ params, url: requested }, reply) => {
        const resource = createResource(baseUrl, params.organization, params.project)
        if (resource === undefined) return reply.code(404).send({ error: 'not_found' })
        const isRoot = url === '/.well-known/oauth-protected-resource'
        const spelled = isRoot ? resource : spellResource(resource, requested)
        return createProtectedResourceMetadata(spelled, endpoints, scopes)
      },
    )
  }
}

/** Whether the path of BASE_URL stands in a well-known URL, behind its name or before it. */
function hasPath(url: string, basePath: string): boolean {
  const [path = ''] = url.split('?')
  const rest = path.replace(/\/\.well-known\/[^/]+/, '').replace(/\/$/, '')
  return rest === basePath
}

export default wellKnownRoutes
