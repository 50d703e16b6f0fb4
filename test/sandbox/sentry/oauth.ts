import { randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import {
  type Accounts,
  type ApiToken,
  type Application,
  computeChallenge,
  type SentryUser,
} from './accounts.ts'
import { renderAuthorizePage, renderErrorPage } from './pages.ts'
import type { ReleaseBehaviour } from './releases.ts'

/** How the OAuth server behaves; by default as the release does. */
export interface OAuthBehaviour {
  supportsPkce: boolean
  acceptsBasicCredentials: boolean
  tokenType: 'Bearer' | 'bearer'
  /**
   * Whether there is `/oauth/revoke/`, which no release has. It is there by default where no release is named, since
   * tests tell by it that the service gives tokens back.
   */
  revokeEndpoint: boolean
}

export interface OAuthCounters {
  /** Codes exchanged for tokens. */
  codes: number
  /** Refreshes that rotated a pair. */
  refreshes: number
  /** Refreshes that were refused. */
  refusedRefreshes: number
}

interface PendingRequest {
  user: SentryUser
  scope: string[]
  redirectUri: string
  state: string | undefined
  codeChallenge: string | undefined
}

type Form = Record<string, string>

/** The scopes that Sentry knows; anything else is `invalid_scope`. */
const SENTRY_SCOPES = new Set([
  ...['org:read', 'org:write', 'org:admin', 'org:integrations', 'org:ci'],
  ...['member:invite', 'member:read', 'member:write', 'member:admin'],
  ...['team:read', 'team:write', 'team:admin'],
  ...['project:read', 'project:write', 'project:admin', 'project:releases'],
  ...['event:read', 'event:write', 'event:admin', 'alerts:read', 'alerts:write'],
  ...['openid', 'profile', 'email'],
])

const CHALLENGE = /^[A-Za-z0-9\-._~]{43,128}$/

/** A refusal in Sentry's shape: `{"error": name}`, and never a description. */
class TokenRefusal extends Error {
  readonly status: number

  constructor(error: string, status = 400) {
    super(error)
    this.status = status
  }
}

/**
 * Sentry's OAuth endpoints: `/oauth/authorize/`, `/oauth/token/` and, where the release has it,
 * `/oauth/revoke/`.
 */
export function registerOAuth(
  app: FastifyInstance,
  application: Application,
  accounts: Accounts,
  behaviour: OAuthBehaviour,
  release: ReleaseBehaviour,
): OAuthCounters {
  const pageStatus = release.has('error page with status 400') ? 400 : 200
  const unknownClientStatus = release.has('invalid_client with status 401') ? 401 : 400
  const counters: OAuthCounters = { codes: 0, refreshes: 0, refusedRefreshes: 0 }
  const pending = new Map<string, PendingRequest>()

  app.get('/oauth/authorize/', (request, reply) => {
    const query = readQuery(request)
    if (query.client_id !== application.clientId)
      return refuse(reply, 'Missing or invalid client_id parameter.', pageStatus)
    const redirectUri = chooseRedirectUri(query.redirect_uri)
    if (redirectUri === undefined)
      return refuse(reply, 'Missing or invalid redirect_uri parameter.', pageStatus)

    const back = (params: Form) => sendBack(reply, redirectUri, query.state, params)
    if (query.response_type !== 'code') return back({ error: 'unsupported_response_type' })
    const codeChallenge = behaviour.supportsPkce ? query.code_challenge : undefined
    if (codeChallenge !== undefined) {
      const isS256 = query.code_challenge_method === 'S256'
      if (!isS256 || !CHALLENGE.test(codeChallenge)) return back({ error: 'invalid_request' })
    }
    const scope = query.scope === undefined || query.scope === '' ? [] : query.scope.split(' ')
    if (!scope.every((name) => SENTRY_SCOPES.has(name))) return back({ error: 'invalid_scope' })

    const user = accounts.signedIn
    const authorization: PendingRequest = { user, scope, redirectUri, state: query.state, codeChallenge }
    // Sentry does not ask a returning user again where an application asks for nothing new. Therefore the service
    // needs a consent page of its own.
    const mayApproveSilently = query.force_prompt === undefined && application.organizationId === undefined
    if (mayApproveSilently && accounts.hasApproved(user, scope)) return approve(reply, authorization)

    const transaction = randomBytes(16).toString('hex')
    const csrfToken = randomBytes(16).toString('hex')
    pending.set(transaction, authorization)
    return reply
      .header('set-cookie', `sc=${csrfToken}; Path=/; HttpOnly; SameSite=Lax`)
      .type('text/html; charset=utf-8')
      .send(renderAuthorizePage({ application, user, scope, redirectUri, transaction, csrfToken }))
  })

  app.post('/oauth/authorize/', (request, reply) => {
    const form = readForm(request)
    const cookie = /(?:^|;\s*)sc=([^;]*)/.exec(request.headers.cookie ?? '')?.[1]
    if (cookie === undefined || cookie !== form.csrfmiddlewaretoken)
      return refuse(reply, 'The CSRF token is missing or does not belong to this browser.', 403)
    const transaction = form.tx ?? ''
    const authorization = pending.get(transaction)
    pending.delete(transaction)
    if (authorization === undefined || authorization.user.id !== accounts.signedIn.id)
      return refuse(
        reply,
        'We were unable to complete your request. Please re-initiate the authorization flow.',
      )
    if (form.op !== 'approve')
      return sendBack(reply, authorization.redirectUri, authorization.state, { error: 'access_denied' })
    accounts.approve(authorization.user, authorization.scope)
    return approve(reply, authorization)
  })

  app.post('/oauth/token/', (request, reply) => {
    reply.header('cache-control', 'no-store')
    try {
      const form = readForm(request)
      authenticateClient(request, form)
      if (form.grant_type === 'authorization_code') return describeToken(exchangeCode(form))
      if (form.grant_type === 'refresh_token') return describeToken(refresh(form))
      throw new TokenRefusal('unsupported_grant_type')
    } catch (error) {
      if (!(error instanceof TokenRefusal)) throw error
      if (error.status === 401) reply.header('www-authenticate', 'Basic realm="oauth"')
      return reply.code(error.status).send({ error: error.message })
    }
  })

  if (behaviour.revokeEndpoint) {
    app.post('/oauth/revoke/', (request, reply) => {
      const form = readForm(request)
      if (form.client_id !== application.clientId || form.client_secret !== application.clientSecret)
        return reply.code(401).send({ error: 'invalid_credentials' })
      accounts.revokeToken(form.token ?? '')
      return reply.send('')
    })
  }

  if (release.has('authorization server metadata')) {
    app.get('/.well-known/oauth-authorization-server', (request) => describeServer(`http://${request.host}`))
  }

  function describeServer(issuer: string): Record<string, unknown> {
    return {
      issuer,
      authorization_endpoint: `${issuer}/oauth/authorize/`,
      token_endpoint: `${issuer}/oauth/token/`,
      scopes_supported: [...SENTRY_SCOPES],
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
      ...(behaviour.supportsPkce ? { code_challenge_methods_supported: ['S256'] } : {}),
    }
  }

  function chooseRedirectUri(asked: string | undefined): string | undefined {
    if (asked === undefined) {
      const isChosen = application.redirectUris.length === 1 || !release.has('redirect_uri required')
      return isChosen ? application.redirectUris[0] : undefined
    }
    return application.redirectUris.includes(asked) ? asked : undefined
  }

  function approve(reply: FastifyReply, { user, scope, redirectUri, state, codeChallenge }: PendingRequest) {
    const code = accounts.issueCode({ user, scope, redirectUri, codeChallenge })
    return sendBack(reply, redirectUri, state, { code })
  }

  function authenticateClient(request: FastifyRequest, form: Form): void {
    let credentials: { id: string | undefined; secret: string | undefined } = {
      id: form.client_id,
      secret: form.client_secret,
    }
    const header = request.headers.authorization
    if (behaviour.acceptsBasicCredentials && header?.toLowerCase().startsWith('basic ')) {
      if (form.client_secret !== undefined) throw new TokenRefusal('invalid_request')
      // Sentry splits at the first colon and does not undo the percent-encoding of RFC 6749 §2.3.1.
      const text = Buffer.from(header.slice(6), 'base64').toString()
      const colon = text.indexOf(':')
      credentials = { id: text.slice(0, colon), secret: text.slice(colon + 1) }
    }
    if (credentials.id !== application.clientId || credentials.secret !== application.clientSecret)
      throw new TokenRefusal('invalid_client', unknownClientStatus)
  }

  function exchangeCode(form: Form): ApiToken {
    const code = accounts.takeCode(form.code ?? '')
    if (code === undefined) throw new TokenRefusal('invalid_grant')
    const isRepeated = form.redirect_uri === code.redirectUri
    if (!isRepeated && (form.redirect_uri !== undefined || release.has('redirect_uri repeated')))
      throw new TokenRefusal('invalid_grant')
    if (code.codeChallenge !== undefined) {
      if (form.code_verifier === undefined || computeChallenge(form.code_verifier) !== code.codeChallenge)
        throw new TokenRefusal('invalid_grant')
    }
    counters.codes += 1
    return accounts.issueTokens(code.user, code.scope)
  }

  function refresh(form: Form): ApiToken {
    // Sentry does not narrow a token, in any release.
    const isWellFormed = form.refresh_token !== undefined && form.scope === undefined
    const token = isWellFormed ? accounts.refreshTokens(form.refresh_token ?? '') : undefined
    if (token === undefined) {
      counters.refusedRefreshes += 1
      throw new TokenRefusal(isWellFormed ? 'invalid_grant' : 'invalid_request')
    }
    counters.refreshes += 1
    return token
  }

  function describeToken(token: ApiToken): Record<string, unknown> {
    const { expiresAt, user } = token
    return {
      access_token: token.accessToken,
      refresh_token: token.refreshToken,
      expires_in: expiresAt === undefined ? null : Math.round((expiresAt - Date.now()) / 1000),
      expires_at: expiresAt === undefined ? null : new Date(expiresAt).toISOString(),
      token_type: behaviour.tokenType,
      scope: token.scope.join(' '),
      user: { id: user.id, name: user.name, email: user.email },
      ...(application.organizationId === undefined ? {} : { organization_id: application.organizationId }),
    }
  }

  return counters
}

function refuse(reply: FastifyReply, problem: string, status = 400): FastifyReply {
  return reply.code(status).type('text/html; charset=utf-8').send(renderErrorPage(problem))
}

function sendBack(
  reply: FastifyReply,
  redirectUri: string,
  state: string | undefined,
  params: Form,
): FastifyReply {
  const url = new URL(redirectUri)
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value)
  if (state !== undefined) url.searchParams.set('state', state)
  return reply.redirect(url.href, 302)
}

/** Sentry reads the last value of a repeated parameter, as Django does. */
function readQuery(request: FastifyRequest): Form {
  return readStrings(request.query)
}

function readForm(request: FastifyRequest): Form {
  const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded') ?? false
  return isForm ? readStrings(request.body) : {}
}

function readStrings(source: unknown): Form {
  const entries = Object.entries((source ?? {}) as Record<string, unknown>)
  return Object.fromEntries(
    entries.map(([name, value]) => [name, String(Array.isArray(value) ? value.at(-1) : value)]),
  )
}
