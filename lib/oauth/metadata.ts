import Type, { type Static } from 'typebox'
import type { Endpoints } from './endpoints.ts'
import type { Resource } from './resource.ts'

/** RFC 8414 §2: what is advertised is what is enforced, and nothing else. */
export const AuthorizationServerMetadataSchema = Type.Object({
  issuer: Type.String(),
  authorization_endpoint: Type.String(),
  token_endpoint: Type.String(),
  registration_endpoint: Type.String(),
  revocation_endpoint: Type.String(),
  scopes_supported: Type.Array(Type.String()),
  response_types_supported: Type.Array(Type.String()),
  response_modes_supported: Type.Array(Type.String()),
  grant_types_supported: Type.Array(Type.String()),
  token_endpoint_auth_methods_supported: Type.Array(Type.String()),
  revocation_endpoint_auth_methods_supported: Type.Array(Type.String()),
  code_challenge_methods_supported: Type.Array(Type.String()),
  authorization_response_iss_parameter_supported: Type.Boolean(),
})

/** RFC 9728 §2. */
export const ProtectedResourceMetadataSchema = Type.Object({
  resource: Type.String(),
  authorization_servers: Type.Array(Type.String()),
  scopes_supported: Type.Array(Type.String()),
  bearer_methods_supported: Type.Array(Type.String()),
  resource_name: Type.String(),
})

export type AuthorizationServerMetadata = Static<typeof AuthorizationServerMetadataSchema>
export type ProtectedResourceMetadata = Static<typeof ProtectedResourceMetadataSchema>

export function createAuthorizationServerMetadata(
  endpoints: Endpoints,
  scopes: readonly string[],
): AuthorizationServerMetadata {
  return {
    issuer: endpoints.issuer,
    authorization_endpoint: endpoints.authorization,
    token_endpoint: endpoints.token,
    registration_endpoint: endpoints.registration,
    revocation_endpoint: endpoints.revocation,
    scopes_supported: [...scopes],
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    token_endpoint_auth_methods_supported: ['none'],
    revocation_endpoint_auth_methods_supported: ['none'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
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
  }
}

/**
 * The well-known URL of a resource's metadata (RFC 9728 §3.1): the well-known part goes between host and path.
 */
export function getProtectedResourceMetadataUrl(resource: Resource): string {
  const { origin, pathname } = new URL(resource.url)
  return `${origin}/.well-known/oauth-protected-resource${pathname}`
}
