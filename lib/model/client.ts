import type { JSONWebKeySet } from 'jose'

/** How a client authenticates at the token endpoint (RFC 7591 §2). */
export type ClientAuthMethod = 'none' | 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt'

/** The public keys of a client: part of its metadata, or at a URL that the metadata names (RFC 7591 §2). */
export type ClientKeys = { jwks: JSONWebKeySet } | { jwksUri: string }

/** An OAuth client: static, registered (DCR), or published as a metadata document (CIMD). */
export interface Client {
  id: string
  /** The client's own name for itself, which nothing verifies. */
  name: string
  redirectUris: readonly string[]
  tokenEndpointAuthMethod: ClientAuthMethod
  /** SHA-256 of its secret; only for a static client that has one. A registered client's follows from its id. */
  secretHash?: string
  /** Only for a client that may sign assertions, even if it need not. */
  keys?: ClientKeys
  /** The URL of its metadata document, which is its id; only for CIMD clients. */
  documentUrl?: string
  /** The client's web site, only where the host of its metadata document serves it too: nothing else verifies it. */
  homepage?: string
}

/** Stands for a client in the calls of machines that bring a token of Sentry. */
export const SENTRY_BEARER_CLIENT = 'sentry-bearer'

/** The metadata of a client that registers. It has no id yet, and so no secret and no keys. */
export type ClientRegistration = Pick<Client, 'name' | 'redirectUris' | 'tokenEndpointAuthMethod'>
