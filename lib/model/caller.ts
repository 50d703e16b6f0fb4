/** The authenticated caller: user, client and what the grant allows. */
export interface Caller {
  clientId: string
  clientName: string
  /** The user, as in the `sub` of access tokens. */
  subject: string
  /** The user's id at Sentry. */
  userId: string
  /** The granted Sentry scopes. */
  scope: ReadonlySet<string>
  skills: ReadonlySet<string>
  constraints: Constraints
  /** Why Sentry refuses this caller much, as a sentence: the token is of a limited kind. */
  limitation?: string
  /** Limits that the address of the request adds to the grant. */
  narrowing?: Narrowing | undefined
  /**
   * Sentry's access token of the user, renewed first if it is about to expire. Rejects with `SignInRequiredError`, or
   * with a `TransientError`, which says nothing about the sign-in.
   */
  openAccessToken(): Promise<string>
  /**
   * A new access token after Sentry refused the current one; `openAccessToken` then returns it too. Rejects as
   * `openAccessToken` does.
   */
  renewAccessToken(): Promise<string>
  /** Until when Sentry takes no requests of this user, in ms since the epoch. Being read; never rejects. */
  sentryRetryAt?: Promise<number | undefined>
  /** Records `sentryRetryAt` for the user's following requests to all instances. Never fails. */
  deferRequests?(until: number): void
}

/** What a request does without, though its caller may have it. */
export interface Narrowing {
  /** Only tools that change nothing. */
  isReadOnly: boolean
  /** Only tools of these skills. */
  skills: ReadonlySet<string> | undefined
  /** Only these tools. */
  tools: ReadonlySet<string> | undefined
}

/** The part of Sentry that a protected resource is limited to. */
export interface Constraints {
  organizationSlug?: string
  /** The slugs of the organizations that the operator allows, where `organizationSlug` is not set. */
  allowedOrganizations?: readonly string[]
  /** Never without an organization. */
  projectSlug?: string
  /** The id of the project. */
  projectId?: string
  /** The URL of the organization's region at sentry.io. */
  regionUrl?: string
  /** Which data the project sends to Sentry, such as `traces`; a tool that needs other data is not offered. */
  projectCapabilities?: Readonly<Record<string, boolean>>
}
