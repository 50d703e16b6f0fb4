import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { ClientRegistration } from '../../lib/model/client.ts'
import { omitNullMembers } from '../../lib/model/client-metadata.ts'
import type { AuthorizationServer } from '../../lib/oauth/authorization-server.ts'
import { createClientId } from '../../lib/oauth/clients/client-id.ts'
import {
  assertMayRegister,
  createRegistrationResponse,
  parseClientMetadata,
  RegistrationResponseSchema,
  RegistrationSchema,
} from '../../lib/oauth/clients/registration.ts'
import { type IssuedCredentials, storeClient } from '../../lib/oauth/clients/stored.ts'
import { ErrorResponseSchemas, toOAuthError } from '../../lib/oauth/error-response.ts'
import { InvalidClientMetadataError } from '../../lib/oauth/errors.ts'

const schema = {
  body: RegistrationSchema,
  response: { 201: RegistrationResponseSchema, ...ErrorResponseSchemas },
}

/** Dynamic client registration (RFC 7591 §3). It writes only what a `client_id` cannot hold: a secret, a long list. */
const registerRoute: FastifyPluginAsyncTypebox<{ server: AuthorizationServer }> = async (
  fastify,
  { server },
) => {
  const options = {
    schema,
    bodyLimit: 64 * 1024,
    attachValidation: true,
    preValidation: async (request: FastifyRequest) => {
      request.body = omitNullMembers(request.body)
    },
  }

  fastify.post('/oauth/register', options, async (request, reply) => {
    assertMayRegister(request.headers.authorization, server.settings)
    assertValid(request.validationError)
    const registration = parseClientMetadata(request.body, server.isAllowedRedirectUri)
    const credentials = await issueCredentials(registration)
    const about = { clientId: credentials.clientId, clientName: registration.name }
    server.audit.write({ event: 'client_registered', about }, request)
    reply.code(201)
    return createRegistrationResponse(credentials, registration, Math.floor(Date.now() / 1000))
  })

  async function issueCredentials(registration: ClientRegistration): Promise<IssuedCredentials> {
    const isPublic = registration.tokenEndpointAuthMethod === 'none'
    const clientId = isPublic ? createClientId(registration, server.signer) : undefined
    return clientId === undefined ? storeClient(registration, server.store) : { clientId }
  }
}

/** RFC 7591 §3.2.2 has an error code of its own for malformed metadata. */
function assertValid(error: Error | undefined): void {
  if (error !== undefined) {
    throw new InvalidClientMetadataError(toOAuthError(error).message, { cause: error })
  }
}

export default registerRoute
