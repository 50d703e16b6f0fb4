import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { AuthorizationServer } from '../../lib/oauth/authorization-server.ts'
import { authenticateClient, CREDENTIAL_PARAMETERS } from '../../lib/oauth/clients/authentication.ts'
import { ErrorResponseSchemas } from '../../lib/oauth/error-response.ts'
import { ParameterSchema, requireParameter } from '../../lib/oauth/parameters.ts'
import { InvalidTokenError, readGrantId, verifyAccessToken } from '../../lib/oauth/token/access-token.ts'
import { endGrant } from '../../lib/oauth/token/grant.ts'
import { readRefreshToken } from '../../lib/oauth/token/refresh-token.ts'

const schema = {
  body: Type.Object({
    ...CREDENTIAL_PARAMETERS,
    token: ParameterSchema,
    token_type_hint: ParameterSchema,
  }),
  response: { 200: Type.Object({}), ...ErrorResponseSchemas },
}

/**
 * Revocation (RFC 7009). Either token ends its grant, and so every other token of that sign-in. A client cannot revoke
 * another client's token (§2.1); an unknown token gets the same response as a revoked one (§2.2).
 */
const revokeRoute: FastifyPluginAsyncTypebox<{ server: AuthorizationServer }> = async (
  fastify,
  { server },
) => {
  const { store, signer, endpoints } = server

  fastify.post('/oauth/revoke', { schema }, async (request) => {
    const form = request.body
    const grantId = typeof form.token === 'string' ? await findGrantId(form.token) : undefined
    const client = await authenticateClient(form, request, server, grantId)
    requireParameter('token', form.token)
    const grant = grantId === undefined ? undefined : await store.readGrant(grantId)
    if (grant !== undefined && grant.clientId === client.id)
      await endGrant(grant.id, 'client_request', server, request)
    return {}
  })

  async function findGrantId(token: string): Promise<string | undefined> {
    const grantId = readRefreshToken(token, signer)
    if (grantId !== undefined) return grantId
    try {
      return readGrantId(await verifyAccessToken(token, { issuer: endpoints.issuer, signer }))
    } catch (error) {
      if (error instanceof InvalidTokenError) return undefined
      throw error
    }
  }
}

export default revokeRoute
