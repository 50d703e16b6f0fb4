/** A party that asks for access on a user's behalf, as its registration describes it (RFC 7591 §2). */
export interface Client {
  id: string
  /** What it calls itself: not verified by anybody. */
  name: string
  redirectUris: readonly string[]
  tokenEndpointAuthMethod: 'none'
}

export type ClientRegistration = Omit<Client, 'id'>
