import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Client } from '../../lib/model/client.ts'
import type { AuthorizationServer } from '../../lib/oauth/authorization-server.ts'
import { authenticateClient } from '../../lib/oauth/clients/authentication.ts'
import { ErrorResponseSchemas } from '../../lib/oauth/error-response.ts'
import { UnsupportedGrantTypeError } from '../../lib/oauth/errors.ts'
import { requireParameter } from '../../lib/oauth/parameters.ts'
import { redeemAuthorizationCode } from '../../lib/oauth/token/authorization-code.ts'
import { readRefreshedGrant, redeemRefreshToken } from '../../lib/oauth/token/refresh-token.ts'
import {
  type TokenForm,
  TokenFormSchema,
  type TokenResponse,
  TokenResponseSchema,
} from '../../lib/oauth/token/request.ts'
import type { AuditSource } from '../../lib/telemetry/audit.ts'

const schema = { body: TokenFormSchema, response: { 200: TokenResponseSchema, ...ErrorResponseSchemas } }

/** The token endpoint (RFC 6749 §3.2). */
const tokenRoute: FastifyPluginAsyncTypebox<{ server: AuthorizationServer }> = async (
  fastify,
  { server },
) => {
  fastify.post('/oauth/token', { schema }, async (request) => {
    const form = request.body
    const grantId = readRefreshedGrant(form, server.signer)
    const client = await authenticateClient(form, request, server, grantId)
    const tokens = await redeem(form, client, request)
    server.cimd.keepClient(client)
    return tokens
  })

  function redeem(form: TokenForm, client: Client, source: AuditSource): Promise<TokenResponse> {
    switch (requireParameter('grant_type', form.grant_type)) {
      case 'authorization_code':
        return redeemAuthorizationCode(form, client, server, source)
      case 'refresh_token':
        return redeemRefreshToken(form, client, server, source)
      default:
        throw new UnsupportedGrantTypeError('grant_type must be authorization_code or refresh_token.')
    }
  }
}

export default tokenRoute
