import { randomBytes } from 'node:crypto'
import { Agent } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tap'
import { createToken, hashToken } from '../../lib/crypto/hash.ts'
import { createCodeChallenge } from '../../lib/crypto/pkce.ts'
import { createSealer } from '../../lib/crypto/sealer.ts'
import { createSigner } from '../../lib/crypto/signer.ts'
import { createCsrfToken, createTransactionCookies } from '../../lib/oauth/authorize/browser.ts'
import { type PendingAuthorization, sealTransaction } from '../../lib/oauth/authorize/transaction.ts'
import { issueAccessToken } from '../../lib/oauth/token/access-token.ts'
import { createGrantRecord } from '../../lib/oauth/token/grant.ts'
import { issueRefreshToken } from '../../lib/oauth/token/refresh-token.ts'
import { sealCode } from '../../lib/oauth/token/sealed-code.ts'
import type { GrantRecord } from '../../lib/store/store.ts'
import { type DocumentHost, startDocumentHost } from '../support/document-host.ts'
import type { Service } from '../support/service.ts'
import { startServiceWithStore } from '../support/shared-store.ts'
import { CLIENT_NAME } from './odd-values.ts'

export const REDIRECT_URI = 'https://client.example/callback'
export const STATE = 'state of the client'
export const VERIFIER = 'v'.repeat(43)

const TTL = 600_000
const SCOPE = ['org:read', 'project:read', 'project:write', 'team:read', 'team:write', 'event:write']
const SKILLS = ['inspect', 'triage', 'project-management', 'seer', 'docs']

/** The service under test, and what a valid request to it needs. */
export interface Fixture extends Service {
  documents: DocumentHost
  clientId: string
  /** The resource with a path, such as `/mcp`. */
  getResource(path: string): string
  /** Begins a sign-in, up to the consent page or up to Sentry; `cookie` is that of its browser. */
  begin(stage: 'pending' | 'approved'): Promise<{ transaction: string; csrf: string; cookie: string }>
  /** Creates an active grant. */
  createGrant(path?: string): Promise<{ grant: GrantRecord; refreshToken: string; accessToken: string }>
  /** Creates a code that is not redeemed yet. */
  createCode(): Promise<string>
}

export async function startFixture(t: Test): Promise<Fixture> {
  const documents = await startDocumentHost(t)
  // One connection for all documents: their content is under test, not the way they are fetched.
  const { key, address } = { key: documents.network.ca, address: '127.0.0.1' }
  const agent = new Agent({
    keepAlive: true,
    ca: key,
    lookup: (_name, _options, done) => done(null, [{ address, family: 4 }]),
  })
  t.teardown(() => agent.destroy())
  const [encryptionKey, signingKey] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')]
  const service = await startServiceWithStore(t, {
    settings: {
      ENCRYPTION_KEY: encryptionKey,
      JWT_SIGNING_KEY: signingKey,
      LOG_LEVEL: 'error',
      RATE_LIMIT_MCP: '0',
      RATE_LIMIT_OAUTH: '0',
    },
    network: { ...documents.network, agent },
  })
  const { url, sentry, app, store } = service
  const [sealer, signer] = [createSealer([encryptionKey]), createSigner([signingKey])]
  while ((await app.inject('/health/ready')).statusCode !== 200) await sleep(10)
  const registered = await app.inject({
    method: 'POST',
    url: '/oauth/register',
    headers: { host: new URL(url).host },
    payload: { client_name: CLIENT_NAME, redirect_uris: [REDIRECT_URI] },
  })
  const clientId = String(registered.json().client_id)

  const getResource = (path: string) => `${url}${path}`

  function describeAuthorization(path: string): PendingAuthorization {
    return {
      kind: 'authorization',
      clientId,
      clientName: 'Client',
      clientAuthMethod: 'none',
      redirectUri: REDIRECT_URI,
      state: STATE,
      codeChallenge: createCodeChallenge(VERIFIER),
      resource: getResource(path),
      scope: SCOPE,
      skills: SKILLS,
      upstreamVerifier: createToken(),
    }
  }

  async function saveGrant(path: string): Promise<GrantRecord> {
    // The stand-in keeps every request, and nothing here reads them.
    sentry.requests.length = 0
    const { accessToken, refreshToken, user, expiresAt } = sentry.issueTokens()
    const tokens = { accessToken, refreshToken, expiresAt, scope: undefined, userId: user.id }
    const subject = randomBytes(8).toString('hex')
    const grant = createGrantRecord(describeAuthorization(path), tokens, subject, {
      settings: { GRANT_TTL: 3600, SENTRY_SCOPES: SCOPE, READ_ONLY: false, ALLOWED_ORGANIZATIONS: [] },
      sealer,
    })
    await store.createGrant(grant, TTL)
    return grant
  }

  return {
    ...service,
    documents,
    clientId,
    getResource,
    async begin(stage) {
      const transaction = createToken()
      let cookie = ''
      const response = {
        setCookie(name: string, value: string) {
          cookie = `${name}=${value}`
        },
        clearCookie: () => undefined,
      }
      const browserSecret = createTransactionCookies(url).bind(transaction, {}, response)
      const idHash = hashToken(transaction)
      const browserHash = hashToken(browserSecret)
      const sealed = sealTransaction(describeAuthorization('/mcp'), { idHash, browserHash }, sealer)
      await store.saveTransaction(idHash, { browserHash, sealed }, TTL)
      if (stage === 'approved') await store.approveTransaction(idHash, browserHash, sealed)
      const csrf = createCsrfToken(browserSecret, transaction, signer)
      return { transaction, csrf, cookie }
    },
    async createGrant(path = '/mcp') {
      const grant = await saveGrant(path)
      const refreshToken = issueRefreshToken(grant.id, signer)
      await store.activateGrant(grant, hashToken(refreshToken), TTL, 20)
      const { id, subject, resource, scope } = grant
      const about = { grantId: id, clientId, subject, resource, scope }
      const accessToken = await issueAccessToken(about, { issuer: url, ttl: 3600, signer })
      return { grant, refreshToken, accessToken }
    },
    async createCode() {
      const grant = await saveGrant('/mcp')
      const code = createToken()
      const record = {
        clientId,
        redirectUriHash: hashToken(REDIRECT_URI),
        codeChallenge: createCodeChallenge(VERIFIER),
        grantId: grant.id,
        resource: grant.resource,
      }
      const codeHash = hashToken(code)
      await store.saveCode(codeHash, sealCode(record, codeHash, sealer), TTL)
      return code
    },
  }
}
