import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import formbody from '@fastify/formbody'
import Fastify from 'fastify'
import { type ApiToken, type Application, createAccounts, type SentryUser } from './accounts.ts'
import { registerApi } from './api.ts'
import { createSampleData, type SentryData } from './data.ts'
import { type Faults, registerFaults } from './faults.ts'
import { type OAuthBehaviour, type OAuthCounters, registerOAuth } from './oauth.ts'
import { renderApplicationPage, renderErrorPage, renderHomePage, renderIssuePage } from './pages.ts'
import { createPlace, type PlaceOptions } from './place.ts'
import { type RateLimit, registerRateLimit } from './rate-limit.ts'
import { createReleaseBehaviour, type Feature, type SentryRelease } from './releases.ts'
import { type ReceivedRequest, registerRequestLog, type SentResponse } from './request-log.ts'

export interface SandboxOptions extends Partial<OAuthBehaviour>, PlaceOptions {
  /**
   * The self-hosted release that it is. Without one it is the newest with every feature switched on, and it has
   * a revocation endpoint.
   */
  release?: SentryRelease
  /** Differs from what the release's example configuration switches on or off. */
  features?: Partial<Record<Feature, boolean>>
  /** Limits requests to the API for each token; a stock self-hosted Sentry has no limits. */
  rateLimit?: RateLimit
  /** A free one by default. */
  port?: number
  clientId?: string
  clientSecret?: string
  /** Where the application sends people back to; `redirectUris` of the stand-in can be added to later. */
  redirectUris?: string[]
  /** Seconds; with null, `expires_in` is null and tokens never end. 30 days by default, as at Sentry. */
  accessTokenTtl?: number | null
  /** Limits the application to one organization: `41001` or `41002` in the sample data. */
  organizationId?: string
  user?: SentryUser
  /** The version that it names, by default that of its release. */
  version?: string
  /** How often Seer responds `processing` before its analysis is complete. */
  seerPolls?: number
  /** What its sample data is recent as of, in milliseconds since the epoch; now by default. */
  now?: number
  /** Told of every response of the API. */
  onResponse?: (response: SentResponse) => void
}

/** A stand-in for Sentry on loopback: OAuth server, API and sample data, all of its state in this object. */
export interface SentrySandbox extends Faults {
  /** `http://127.0.0.1:port` */
  url: string
  /** `127.0.0.1:port`, as SENTRY_HOST has it. */
  host: string
  clientId: string
  clientSecret: string
  /** The registered redirect URIs; compared exactly. */
  redirectUris: string[]
  data: SentryData
  /** The requests that it received, oldest first. */
  requests: ReceivedRequest[]
  counters: Readonly<OAuthCounters>
  /** Every code and token that it ever issued. */
  issued: readonly string[]
  /** Signs every browser in as that user. */
  setUser(user: SentryUser): void
  /** Access tokens issued from now on are good for so many seconds. */
  setAccessTokenTtl(seconds: number): void
  /** Makes tokens without a browser. By default those of the signed-in user, with all scopes we ask for. */
  issueTokens(userId?: string, scope?: readonly string[]): ApiToken
  /** Makes a token of an organization, `sntrys_…`. */
  issueOrganizationToken(organization: string): string
  /** Deletes an access or refresh token together with its counterpart, as when a user removes the application. */
  revokeToken(token: string): void
  /** Ends an access token by time; its refresh token goes on working. */
  expireToken(accessToken: string): void
  /** The next sign-in of every user asks again, instead of approving silently. */
  forgetApprovals(): void
  close(): Promise<void>
}

/** What the service asks for by default. */
export const DEFAULT_SCOPES = [
  'org:read',
  'project:read',
  'project:write',
  'team:read',
  'team:write',
  'event:write',
]

const THIRTY_DAYS = 30 * 86_400

const MARA: SentryUser = { id: '1001', name: 'Mara Lind', email: 'mara@tidewater.example' }

/** Starts a stand-in on 127.0.0.1. Each has users, tokens and data of its own; close it at the end. */
export async function startSentry(options: SandboxOptions = {}): Promise<SentrySandbox> {
  const application: Application = {
    name: 'Sentry MCP',
    clientId: options.clientId ?? randomBytes(32).toString('hex'),
    clientSecret: options.clientSecret ?? randomBytes(32).toString('hex'),
    redirectUris: [...(options.redirectUris ?? ['http://localhost:3000/oauth/callback'])],
    organizationId: options.organizationId,
  }
  const ttl = options.accessTokenTtl === undefined ? THIRTY_DAYS : options.accessTokenTtl
  const accounts = createAccounts(options.user ?? MARA, ttl)
  const data = createSampleData(options.now ?? Date.now())
  const release = createReleaseBehaviour(options.release, options.features)
  const place = createPlace(options)

  const app = Fastify({ forceCloseConnections: true, routerOptions: { maxParamLength: 500 } })
  const requests = registerRequestLog(app, options.onResponse)
  const faults = registerFaults(app)
  if (options.rateLimit !== undefined) registerRateLimit(app, options.rateLimit)
  await app.register(formbody)
  // mcp-core sends this media type with every request, with or without a body.
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, body === '' ? {} : JSON.parse(String(body)))
    } catch (error) {
      done(Object.assign(new Error(`JSON parse error - ${(error as Error).message}`), { statusCode: 400 }))
    }
  })

  app.get('/', (_request, reply) =>
    reply.type('text/html; charset=utf-8').send(renderHomePage(accounts.signedIn, data.organizations)),
  )
  app.get<{ Params: { id: string } }>('/organizations/:organization/issues/:id/', ({ params }, reply) => {
    const issue = data.organizations.flatMap(({ issues }) => issues).find(({ id }) => id === params.id)
    return reply
      .type('text/html; charset=utf-8')
      .send(issue === undefined ? renderApplicationPage() : renderIssuePage(issue))
  })
  app.get('/api/client-config/', () => ({
    version: { current: options.version ?? release.release },
    isSelfHosted: !place.isCloud,
    isAuthenticated: false,
  }))
  // Every path outside the API belongs to the web application, and a form is checked for its CSRF token first.
  app.setNotFoundHandler((request, reply) => {
    reply.type('text/html; charset=utf-8')
    if (request.method === 'GET' || request.method === 'HEAD') return reply.send(renderApplicationPage())
    return reply.code(403).send(renderErrorPage('CSRF verification failed. Request aborted.'))
  })
  const oauthBehaviour = {
    supportsPkce: options.supportsPkce ?? release.has('PKCE'),
    acceptsBasicCredentials: options.acceptsBasicCredentials ?? release.has('basic credentials'),
    tokenType: options.tokenType ?? (release.has('capital Bearer') ? 'Bearer' : 'bearer'),
    revokeEndpoint: options.revokeEndpoint ?? options.release === undefined,
  }
  const counters = registerOAuth(app, application, accounts, oauthBehaviour, release)
  registerApi(app, {
    accounts,
    data,
    release,
    place,
    organizationId: options.organizationId,
    seerPolls: options.seerPolls ?? 2,
  })
  await app.listen({ host: '127.0.0.1', port: options.port ?? 0 })

  const host = `127.0.0.1:${(app.server.address() as AddressInfo).port}`
  return {
    ...faults,
    url: `http://${host}`,
    host,
    clientId: application.clientId,
    clientSecret: application.clientSecret,
    redirectUris: application.redirectUris,
    data,
    requests,
    counters,
    issued: accounts.issued,
    setUser(user) {
      accounts.signedIn = user
    },
    setAccessTokenTtl(seconds) {
      accounts.accessTokenTtl = seconds
    },
    issueTokens(userId, scope = DEFAULT_SCOPES) {
      return accounts.issueTokens(userId === undefined ? accounts.signedIn : accounts.findUser(userId), scope)
    },
    issueOrganizationToken: accounts.issueOrganizationToken,
    revokeToken: accounts.revokeToken,
    expireToken: accounts.expireToken,
    forgetApprovals: accounts.forgetApprovals,
    close: () => app.close(),
  }
}
