import Type, { type Static } from 'typebox'
import type { Resource } from '../model/resource.ts'
import { ASSERTION_ALGORITHMS } from './clients/assertion.ts'
import type { Endpoints } from './endpoints.ts'

/** RFC 8414 §2. Metadata advertises exactly what the endpoints enforce. */
export const AuthorizationServerMetadataSchema = Type.Object({
  issuer: Type.String(),
  authorization_endpoint: Type.String(),
  token_endpoint: Type.String(),
  registration_endpoint: Type.Optional(Type.String()),
  revocation_endpoint: Type.String(),
  scopes_supported: Type.Array(Type.String()),
  response_types_supported: Type.Array(Type.String()),
  response_modes_supported: Type.Array(Type.String()),
  grant_types_supported: Type.Array(Type.String()),
  token_endpoint_auth_methods_supported: Type.Array(Type.String()),
  token_endpoint_auth_signing_alg_values_supported: Type.Optional(Type.Array(Type.String())),
  revocation_endpoint_auth_methods_supported: Type.Array(Type.String()),
  revocation_endpoint_auth_signing_alg_values_supported: Type.Optional(Type.Array(Type.String())),
  code_challenge_methods_supported: Type.Array(Type.String()),
  authorization_response_iss_parameter_supported: Type.Boolean(),
  client_id_metadata_document_supported: Type.Boolean(),
  service_documentation: Type.String(),
})

/** RFC 9728 §2. */
export const ProtectedResourceMetadataSchema = Type.Object({
  resource: Type.String(),
  authorization_servers: Type.Array(Type.String()),
  scopes_supported: Type.Array(Type.String()),
  bearer_methods_supported: Type.Array(Type.String()),
  resource_name: Type.String(),
  resource_documentation: Type.String(),
})

export type AuthorizationServerMetadata = Static<typeof AuthorizationServerMetadataSchema>
export type ProtectedResourceMetadata = Static<typeof ProtectedResourceMetadataSchema>

/** The optional features that metadata advertises. */
export interface AdvertisedFeatures {
  /** Dynamic client registration (RFC 7591). */
  dcr: boolean
  /** Client id metadata documents (draft-ietf-oauth-client-id-metadata-document §5). */
  cimd: boolean
  /** `iss` in authorization responses (RFC 9207 §3). It is always sent; some clients fail if metadata says so. */
  iss: boolean
}

export function createAuthorizationServerMetadata(
  endpoints: Endpoints,
  scopes: readonly string[],
  features: AdvertisedFeatures,
): AuthorizationServerMetadata {
  const methods = ['none', 'client_secret_basic', 'client_secret_post']
  // Only CIMD clients publish keys.
  if (features.cimd) methods.push('private_key_jwt')
  return {
    issuer: endpoints.issuer,
    authorization_endpoint: endpoints.authorization,
    token_endpoint: endpoints.token,
    ...(features.dcr && { registration_endpoint: endpoints.registration }),
    revocation_endpoint: endpoints.revocation,
    scopes_supported: [...scopes],
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_methods_supported: [...methods],
    revocation_endpoint_auth_methods_supported: [...methods],
    ...(features.cimd && {
      token_endpoint_auth_signing_alg_values_supported: [...ASSERTION_ALGORITHMS],
      revocation_endpoint_auth_signing_alg_values_supported: [...ASSERTION_ALGORITHMS],
    }),
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: features.iss,
    client_id_metadata_document_supported: features.cimd,
    service_documentation: endpoints.home,
  }
}

export function createProtectedResourceMetadata(
  resource: Resource,
  endpoints: Endpoints,
  scopes: readonly string[],
): ProtectedResourceMetadata {
  return {
    resource: resource.url,
    authorization_servers: [endpoints.issuer],
    scopes_supported: [...scopes],
    bearer_methods_supported: ['header'],
    resource_name: 'Sentry',
    resource_documentation: endpoints.home,
  }
}

/** The URL of a resource's metadata (RFC 9728 §3.1): the well-known path goes between host and path. */
export function getProtectedResourceMetadataUrl(resource: Resource): string {
  const { origin, pathname } = new URL(resource.url)
  return `${origin}/.well-known/oauth-protected-resource${pathname}`
}
