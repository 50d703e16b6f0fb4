import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { toOAuthError } from '../../lib/oauth/answer-error.ts'
import type { AuthorizationServer } from '../../lib/oauth/authorization-server.ts'
import { createClientId } from '../../lib/oauth/client-id.ts'
import {
  ClientMetadataSchema,
  describeRegistration,
  parseClientMetadata,
  RegistrationAnswerSchema,
} from '../../lib/oauth/client-registration.ts'
import { ErrorAnswerSchemas } from '../../lib/oauth/error-answer.ts'
import { InvalidClientMetadataError } from '../../lib/oauth/oauth-error.ts'

const schema = {
  body: ClientMetadataSchema,
  response: { 201: RegistrationAnswerSchema, ...ErrorAnswerSchemas },
}

/** Dynamic client registration (RFC 7591 §3). It writes nothing: the `client_id` holds the registration. */
const registerRoute: FastifyPluginAsyncTypebox<{ server: AuthorizationServer }> = async (
  fastify,
  { server },
) => {
  const options = { schema, bodyLimit: 64 * 1024, attachValidation: true }

  fastify.post('/oauth/register', options, async (request, reply) => {
    checkForm(request.validationError)
    const registration = parseClientMetadata(request.body, server.isAllowedRedirectUri)
    const clientId = createClientId(registration, server.signer)
    if (clientId === undefined) {
      throw new InvalidClientMetadataError(
        'The registration is too long: shorten client_name or redirect_uris.',
      )
    }
    reply.code(201)
    return describeRegistration(clientId, registration, Math.floor(Date.now() / 1000))
  })
}

/** RFC 7591 §3.2.2 has a code of its own for metadata that is not of its form. */
function checkForm(error: Error | undefined): void {
  if (error !== undefined) {
    throw new InvalidClientMetadataError(toOAuthError(error).message, { cause: error })
  }
}

export default registerRoute
