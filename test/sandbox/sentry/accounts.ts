import { createHash, randomBytes } from 'node:crypto'

export interface SentryUser {
  id: string
  name: string | null
  email: string
  /** The slugs of the organizations of which they are a member; all of them by default. */
  organizations?: readonly string[]
}

/** The OAuth application as its owner registered it at Sentry. */
export interface Application {
  name: string
  clientId: string
  clientSecret: string
  /** Compared exactly. Tests may add to it while the stand-in runs. */
  redirectUris: string[]
  /** Set for an application that is limited to one organization; its tokens reach nothing else. */
  organizationId: string | undefined
}

export interface AuthorizationCode {
  user: SentryUser
  scope: string[]
  redirectUri: string
  codeChallenge: string | undefined
  /** ms since the epoch */
  expiresAt: number
}

export interface ApiToken {
  accessToken: string
  refreshToken: string
  user: SentryUser
  scope: string[]
  /** ms since the epoch; undefined never ends. */
  expiresAt: number | undefined
  /** Of a token of an organization, which has no user. */
  organization?: string
}

export interface Accounts {
  /** Every code and token that was ever issued. */
  issued: string[]
  /** Who every browser is signed in as. */
  signedIn: SentryUser
  /** How long access tokens issued from now on are good, in seconds; null for tokens without an end. */
  accessTokenTtl: number | null
  findUser(id: string): SentryUser
  hasApproved(user: SentryUser, scope: readonly string[]): boolean
  approve(user: SentryUser, scope: readonly string[]): void
  /** As if every user had removed the application from their account, though its tokens go on. */
  forgetApprovals(): void
  issueCode(code: Omit<AuthorizationCode, 'expiresAt'>): string
  /** Takes the code out for good, so that it works once, also where the exchange fails afterwards. */
  takeCode(code: string): AuthorizationCode | undefined
  issueTokens(user: SentryUser, scope: readonly string[]): ApiToken
  /** A token of an organization, with the one scope that Sentry gives it. */
  issueOrganizationToken(organization: string): string
  /** Replaces both tokens of a pair in place. The old ones are dead at once; there is no grace. */
  refreshTokens(refreshToken: string): ApiToken | undefined
  findToken(accessToken: string): ApiToken | undefined
  /** Deletes the pair that `token`, access or refresh token, belongs to. */
  revokeToken(token: string): void
  /** Ends the access token by time; the refresh token goes on. */
  expireToken(accessToken: string): void
}

const CODE_TTL = 10 * 60 * 1000

/** Users, approvals, codes and tokens of the stand-in. */
export function createAccounts(user: SentryUser, accessTokenTtl: number | null): Accounts {
  const users = new Map<string, SentryUser>([[user.id, user]])
  const approvals = new Map<string, Set<string>>()
  const codes = new Map<string, AuthorizationCode>()
  const tokens = new Set<ApiToken>()
  const issued: string[] = []

  function issue(prefix: string): string {
    const secret = `${prefix}${randomBytes(32).toString('hex')}`
    issued.push(secret)
    return secret
  }

  function createPair(): Pick<ApiToken, 'accessToken' | 'refreshToken' | 'expiresAt'> {
    return {
      accessToken: issue('sntryu_'),
      refreshToken: issue('sntryr_'),
      expiresAt: accessTokenTtl === null ? undefined : Date.now() + accessTokenTtl * 1000,
    }
  }

  function findByEither(token: string): ApiToken | undefined {
    return tokens.values().find((pair) => pair.accessToken === token || pair.refreshToken === token)
  }

  return {
    issued,
    get accessTokenTtl() {
      return accessTokenTtl
    },
    set accessTokenTtl(next) {
      accessTokenTtl = next
    },
    get signedIn() {
      return user
    },
    set signedIn(next) {
      user = next
      users.set(next.id, next)
    },
    findUser(id) {
      const found = users.get(id)
      if (found === undefined) throw new Error(`The stand-in has no user ${id}.`)
      return found
    },
    hasApproved(who, scope) {
      const approved = approvals.get(who.id)
      return approved !== undefined && scope.every((name) => approved.has(name))
    },
    approve(who, scope) {
      approvals.set(who.id, new Set([...(approvals.get(who.id) ?? []), ...scope]))
    },
    forgetApprovals() {
      approvals.clear()
    },
    issueCode(code) {
      const id = issue('')
      codes.set(id, { ...code, expiresAt: Date.now() + CODE_TTL })
      return id
    },
    takeCode(id) {
      const code = codes.get(id)
      codes.delete(id)
      return code !== undefined && code.expiresAt > Date.now() ? code : undefined
    },
    issueTokens(who, scope) {
      const pair = { ...createPair(), user: who, scope: [...scope].sort() }
      tokens.add(pair)
      return { ...pair }
    },
    issueOrganizationToken(organization) {
      const payload = Buffer.from(JSON.stringify({ iat: 1, url: null, region_url: null, org: organization }))
      const accessToken = issue(`sntrys_${payload.toString('base64')}_`)
      const token = {
        accessToken,
        refreshToken: '',
        user,
        scope: ['org:ci'],
        expiresAt: undefined,
        organization,
      }
      tokens.add(token)
      return accessToken
    },
    refreshTokens(refreshToken) {
      const pair = tokens.values().find((candidate) => candidate.refreshToken === refreshToken)
      if (pair === undefined) return undefined
      return { ...Object.assign(pair, createPair()) }
    },
    findToken(accessToken) {
      return tokens.values().find((pair) => pair.accessToken === accessToken)
    },
    revokeToken(token) {
      const pair = findByEither(token)
      if (pair !== undefined) tokens.delete(pair)
    },
    expireToken(accessToken) {
      const pair = findByEither(accessToken)
      if (pair !== undefined) pair.expiresAt = Date.now() - 1000
    },
  }
}

/** BASE64URL(SHA-256(verifier)), as RFC 7636 §4.2 has it. */
export function computeChallenge(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url')
}
