/** Whoever a request is answered for: one user, signed in through one client, with what the grant covers. */
export interface Caller {
  clientId: string
  clientName: string
  /** The user, as access tokens name them. */
  subject: string
  /** The user's id at Sentry. */
  userId: string
  /** The Sentry scopes that the grant covers. */
  scope: ReadonlySet<string>
  skills: ReadonlySet<string>
  constraints: Constraints
  /**
   * Sentry's access token of this user, renewed first when it is about to end. Rejects when the user has to sign
   * in again, or when Sentry or the store is away.
   */
  openAccessToken(): Promise<string>
  /**
   * A new access token after Sentry refused the one before, which `openAccessToken` then gives as well; undefined
   * when the user has to sign in again. Rejects when Sentry or the store is away, which says nothing about the
   * sign-in.
   */
  renewAccessToken(): Promise<string | undefined>
}

/** The part of Sentry that a protected resource is limited to. */
export interface Constraints {
  organizationSlug?: string
  /** Never without an organization. */
  projectSlug?: string
  /** Where sentry.io keeps the organization. */
  regionUrl?: string
  /** What the project sends to Sentry, such as `traces`; a tool that needs more is not offered. */
  projectCapabilities?: Readonly<Record<string, boolean>>
}
