import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { readAddressRange } from '../../lib/http/address-range.ts'
import type { ClientRegistration } from '../../lib/model/client.ts'
import { type ClientMetadata, omitNullMembers } from '../../lib/model/client-metadata.ts'
import { normalizeClientName } from '../../lib/model/client-name.ts'
import type { AuthorizationServer } from '../../lib/oauth/authorization-server.ts'
import { createClientId, createClientSecret } from '../../lib/oauth/clients/client-id.ts'
import {
  assertMayRegister,
  createRegistrationResponse,
  type IssuedCredentials,
  parseClientMetadata,
  RegistrationResponseSchema,
  RegistrationSchema,
} from '../../lib/oauth/clients/registration.ts'
import { assertStorable, storeClient } from '../../lib/oauth/clients/stored.ts'
import { ErrorResponseSchemas, toOAuthError } from '../../lib/oauth/error-response.ts'
import { InvalidClientMetadataError } from '../../lib/oauth/errors.ts'
import type { RequestClient } from '../../lib/telemetry/request-line.ts'

const schema = {
  body: RegistrationSchema,
  response: { 201: RegistrationResponseSchema, ...ErrorResponseSchemas },
}

/** How many registrations of one address range are stored within a minute; no limit where RATE_LIMIT_OAUTH is 0. */
const MAX_STORED_A_MINUTE = 10

/** Dynamic client registration (RFC 7591 §3). It writes only what is too long for a `client_id`. */
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
  const context = { issuer: server.endpoints.issuer, signer: server.signer }
  const { RATE_LIMIT_OAUTH } = fastify.config
  const limitStored = fastify.limitRequests({
    name: 'stored-registration',
    max: Math.min(RATE_LIMIT_OAUTH, MAX_STORED_A_MINUTE),
    identify: ({ ip }) => readAddressRange(ip),
  })

  fastify.post('/oauth/register', options, async (request, reply) => {
    if (request.validationError === undefined) request.client = describeApplicant(request.body)
    assertMayRegister(request.headers.authorization, server.settings)
    assertValid(request.validationError)
    const registration = parseClientMetadata(request.body, server.isAllowedRedirectUri)
    const credentials = await issueCredentials(registration, request)
    request.client = { ...request.client, id: credentials.clientId }
    const about = { clientId: credentials.clientId, clientName: registration.name }
    server.audit.write({ event: 'client_registered', about }, request)
    reply.code(201)
    return createRegistrationResponse(credentials, registration, Math.floor(Date.now() / 1000))
  })

  async function issueCredentials(
    registration: ClientRegistration,
    request: FastifyRequest,
  ): Promise<IssuedCredentials> {
    const clientId = createClientId(registration, context) ?? (await storeRegistration(registration, request))
    if (registration.tokenEndpointAuthMethod === 'none') return { clientId }
    return { clientId, clientSecret: createClientSecret(clientId, server.signer) }
  }

  async function storeRegistration(
    registration: ClientRegistration,
    request: FastifyRequest,
  ): Promise<string> {
    assertStorable(registration)
    await limitStored(request)
    return storeClient(registration, server)
  }
}

/** Who wants to register, for the log line of the request. */
function describeApplicant({ client_name, redirect_uris }: ClientMetadata): RequestClient {
  return { name: normalizeClientName(client_name), redirectUri: redirect_uris }
}

/** RFC 7591 §3.2.2 has an error code of its own for malformed metadata. */
function assertValid(error: Error | undefined): void {
  if (error !== undefined) {
    throw new InvalidClientMetadataError(toOAuthError(error).message, { cause: error })
  }
}

export default registerRoute
