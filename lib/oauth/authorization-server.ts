import type { Sealer } from '../crypto/sealer.ts'
import type { Signer } from '../crypto/signer.ts'
import { readAddressRange } from '../http/address-range.ts'
import type { Client } from '../model/client.ts'
import { createRedirectUriPolicy, type RedirectUriPolicy } from '../model/redirect-uri-pattern.ts'
import { ACTIVE_SKILLS, SKILLS, type Skill } from '../model/skills.ts'
import type { Store } from '../store/store.ts'
import type { Audit } from '../telemetry/audit.ts'
import type { UpstreamAccess } from '../upstream/access.ts'
import type { SentryApi } from '../upstream/api.ts'
import type { SentryLocation } from '../upstream/location.ts'
import type { SentryOAuth } from '../upstream/oauth.ts'
import type { UpstreamRevocation } from '../upstream/revocation.ts'
import { createAccountCookies } from './account.ts'
import { createTransactionCookies, type TransactionCookies } from './authorize/browser.ts'
import { createChoiceCookie } from './authorize/skill-choice.ts'
import type { CimdClients } from './clients/cimd.ts'
import { findClient } from './clients/find.ts'
import { createEndpoints, type Endpoints } from './endpoints.ts'

/** The settings of the authorization server. Lifetimes are in seconds. */
export interface OAuthSettings {
  BASE_URL: string
  SENTRY_SCOPES: readonly string[]
  /** Slugs; empty for every organization. */
  ALLOWED_ORGANIZATIONS: readonly string[]
  READ_ONLY: boolean
  DEFAULT_SKILLS: readonly string[]
  DISABLED_SKILLS: readonly string[]
  ALLOWED_REDIRECT_URI_PATTERNS: readonly string[]
  STATIC_CLIENTS: readonly Client[]
  DCR: 'open' | 'token' | 'off'
  DCR_TOKEN: string | undefined
  ACCESS_TOKEN_TTL: number
  REFRESH_TOKEN_TTL: number
  REFRESH_GRACE: number
  GRANT_TTL: number
}

export interface AuthorizationServerOptions {
  settings: OAuthSettings
  store: Store
  sealer: Sealer
  signer: Signer
  /** Where users sign in. */
  sentry: Pick<SentryLocation, 'host'>
  sentryOAuth: SentryOAuth
  sentryApi: SentryApi
  sentryTokens: UpstreamAccess
  revocation: UpstreamRevocation
  audit: Audit
  cimd: CimdClients
}

/** What the endpoints of the authorization server share. A function takes the members that it needs (`Pick`). */
export interface AuthorizationServer extends AuthorizationServerOptions {
  endpoints: Endpoints
  transactionCookies: TransactionCookies
  choiceCookie: ReturnType<typeof createChoiceCookie>
  accountCookies: ReturnType<typeof createAccountCookies>
  /** The skills that a user can grant, and whether each is preselected. */
  offeredSkills: ReadonlyMap<Skill, boolean>
  isAllowedRedirectUri: RedirectUriPolicy
  /**
   * The client with this id; undefined if there is none. `ip` is the address of the request, which bounds what is
   * fetched. Throws `StoreUnavailableError`, `UnsealError`, and for the URL of a metadata document
   * `DocumentUnavailableError` or `InvalidClientError`.
   */
  findClient(id: string, ip: string): Promise<Client | undefined>
}

export function createAuthorizationServer(options: AuthorizationServerOptions): AuthorizationServer {
  const { settings, store, sealer, signer, cimd } = options
  const { BASE_URL, DISABLED_SKILLS, DEFAULT_SKILLS, STATIC_CLIENTS: staticClients } = settings
  const enabled = ACTIVE_SKILLS.filter((skill) => !DISABLED_SKILLS.includes(skill))
  // With READ_ONLY a skill must not promise what its tools may not do.
  const offered = enabled.filter((skill) => !settings.READ_ONLY || SKILLS[skill].onlyReads)
  const endpoints = createEndpoints(BASE_URL)
  const sources = { staticClients, store, sealer, signer, issuer: endpoints.issuer, cimd }
  return {
    ...options,
    endpoints,
    transactionCookies: createTransactionCookies(BASE_URL),
    choiceCookie: createChoiceCookie(BASE_URL),
    accountCookies: createAccountCookies(BASE_URL),
    offeredSkills: new Map(offered.map((skill) => [skill, DEFAULT_SKILLS.includes(skill)])),
    isAllowedRedirectUri: createRedirectUriPolicy(settings.ALLOWED_REDIRECT_URI_PATTERNS),
    findClient: (id, ip) => findClient(id, readAddressRange(ip), sources),
  }
}
