import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import type { AuthorizationServer } from '../../lib/oauth/authorization-server.ts'
import { authenticateClient } from '../../lib/oauth/clients/authentication.ts'
import { CREDENTIAL_PARAMETERS } from '../../lib/oauth/clients/credentials.ts'
import { ErrorAnswerSchemas } from '../../lib/oauth/error-answer.ts'
import { ParameterSchema, requireParameter } from '../../lib/oauth/parameters.ts'
import { InvalidTokenError, verifyAccessToken } from '../../lib/oauth/token/access-token.ts'
import { endGrant } from '../../lib/oauth/token/end-grant.ts'
import { readRefreshToken } from '../../lib/oauth/token/refresh-token.ts'

const schema = {
  body: Type.Object({
    ...CREDENTIAL_PARAMETERS,
    token: ParameterSchema,
    token_type_hint: ParameterSchema,
  }),
  response: { 200: Type.Object({}), ...ErrorAnswerSchemas },
}

/**
 * Revocation (RFC 7009). Either token ends its grant, and with it every other token of that sign-in. A token of
 * another client is left alone (§2.1), and one that is not known is answered as if it had been revoked (§2.2).
 */
const revokeRoute: FastifyPluginAsyncTypebox<{ server: AuthorizationServer }> = async (
  fastify,
  { server },
) => {
  const { store, signer, endpoints } = server

  fastify.post('/oauth/revoke', { schema, bodyLimit: 16 * 1024 }, async (request) => {
    const form = request.body
    const client = await authenticateClient(form, request.headers.authorization, server)
    const grantId = await findGrantId(requireParameter('token', form.token))
    const grant = grantId === undefined ? undefined : await store.readGrant(grantId)
    if (grant !== undefined && grant.clientId === client.id)
      await endGrant(grant.id, 'client_request', server, request)
    return {}
  })

  async function findGrantId(token: string): Promise<string | undefined> {
    const refresh = readRefreshToken(token, signer)
    if (refresh !== undefined) return refresh.grantId
    try {
      return (await verifyAccessToken(token, { issuer: endpoints.issuer, signer })).gid
    } catch (error) {
      if (error instanceof InvalidTokenError) return undefined
      throw error
    }
  }
}

export default revokeRoute
