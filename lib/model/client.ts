import type { JSONWebKeySet } from 'jose'

/** How a client proves at the token endpoint that it is itself (RFC 7591 §2). */
export type ClientAuthMethod = 'none' | 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt'

/** Where the public keys of a client are: with its metadata, or at a URL that those name (RFC 7591 §2). */
export type ClientKeys = { jwks: JSONWebKeySet } | { jwksUri: string }

/** A party that asks for access on a user's behalf, in whatever way this server came to know it. */
export interface Client {
  id: string
  /** What it calls itself: not verified by anybody but `verifiedHost`. */
  name: string
  redirectUris: readonly string[]
  tokenEndpointAuthMethod: ClientAuthMethod
  /** SHA-256 of its secret; only where it has one. */
  secretHash?: string
  /** Only where it may sign assertions, even if it need not. */
  keys?: ClientKeys
  /** The host that publishes its name; only where it is known by its metadata document. */
  verifiedHost?: string
}

/** What a client that registers is to be: it has no id yet, and so no secret and no keys. */
export type ClientRegistration = Pick<Client, 'name' | 'redirectUris' | 'tokenEndpointAuthMethod'>
