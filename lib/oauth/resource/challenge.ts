import type { Resource } from '../../model/resource.ts'
import { formatScope } from '../../model/scope.ts'
import { getProtectedResourceMetadataUrl } from '../metadata.ts'

export interface Challenge {
  resource: Resource
  /** The scope that the client should request. */
  scope: readonly string[]
  /** RFC 6750 §3.1; undefined for a request without credentials. */
  error?: 'invalid_token' | 'insufficient_scope'
  /** A public sentence, in ASCII without quotes. */
  description?: string
}

/**
 * The WWW-Authenticate header of a 401 or 403 (RFC 6750 §3, RFC 9728 §5.1). The values are URLs, scopes and public
 * sentences, none of which contains quotes.
 */
export function createChallenge({ resource, scope, error, description }: Challenge): string {
  const parameters: [string, string | undefined][] = [
    ['error', error],
    ['error_description', description],
    ['scope', formatScope(scope)],
    ['resource_metadata', getProtectedResourceMetadataUrl(resource)],
  ]
  const given = parameters.filter(([, value]) => value !== undefined)
  return `Bearer ${given.map(([name, value]) => `${name}="${value}"`).join(', ')}`
}
