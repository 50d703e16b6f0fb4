import type { Config } from '../config/load.ts'
import type { Sealer } from '../crypto/sealer.ts'
import type { Signer } from '../crypto/signer.ts'
import type { Client } from '../model/client.ts'
import { createRedirectUriPolicy, type RedirectUriPolicy } from '../model/redirect-uri-pattern.ts'
import { ACTIVE_SKILLS, type Skill } from '../model/skills.ts'
import type { Store } from '../store/store.ts'
import type { Audit } from '../telemetry/audit.ts'
import type { UpstreamAccess } from '../upstream/access.ts'
import type { SentryOAuth } from '../upstream/oauth.ts'
import type { UpstreamRevocation } from '../upstream/revocation.ts'
import { createAccountCookie } from './account/session.ts'
import { createBrowserCookie } from './authorize/browser.ts'
import { createChoiceCookie } from './authorize/skill-choice.ts'
import type { ClientDocuments } from './clients/cimd.ts'
import { findClient } from './clients/find.ts'
import { createEndpoints, type Endpoints } from './endpoints.ts'

/** What every endpoint of the authorization server works with. */
export interface AuthorizationServer {
  config: Config
  endpoints: Endpoints
  browserCookie: ReturnType<typeof createBrowserCookie>
  choiceCookie: ReturnType<typeof createChoiceCookie>
  accountCookie: ReturnType<typeof createAccountCookie>
  store: Store
  sealer: Sealer
  signer: Signer
  sentry: SentryOAuth
  upstream: UpstreamAccess
  revocation: UpstreamRevocation
  audit: Audit
  clientDocuments: ClientDocuments
  /** The scopes that can be asked for; the names are Sentry's. */
  scopes: readonly string[]
  /** The skills that can be granted, and whether each is preselected. */
  offeredSkills: ReadonlyMap<Skill, boolean>
  isAllowedRedirectUri: RedirectUriPolicy
  /**
   * The client with this id; undefined when there is none. Throws `StoreUnavailableError`, and where the id is the
   * URL of a document `DocumentUnavailableError` or `InvalidClientError`.
   */
  findClient(id: string): Promise<Client | undefined>
}

type Collaborators = Pick<
  AuthorizationServer,
  | 'config'
  | 'store'
  | 'sealer'
  | 'signer'
  | 'sentry'
  | 'upstream'
  | 'revocation'
  | 'audit'
  | 'clientDocuments'
>

export function createAuthorizationServer(collaborators: Collaborators): AuthorizationServer {
  const { config } = collaborators
  const server = {
    ...collaborators,
    endpoints: createEndpoints(config.BASE_URL),
    browserCookie: createBrowserCookie(config.BASE_URL),
    choiceCookie: createChoiceCookie(config.BASE_URL),
    accountCookie: createAccountCookie(config.BASE_URL),
    scopes: config.SENTRY_SCOPES,
    offeredSkills: new Map(
      ACTIVE_SKILLS.filter((skill) => !config.DISABLED_SKILLS.includes(skill)).map((skill) => [
        skill,
        config.DEFAULT_SKILLS.includes(skill),
      ]),
    ),
    isAllowedRedirectUri: createRedirectUriPolicy(config.ALLOWED_REDIRECT_URI_PATTERNS),
  }
  return { ...server, findClient: (id) => findClient(id, server) }
}
