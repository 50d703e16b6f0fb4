import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { createToken, hashToken } from '../../lib/crypto/hash.ts'
import { sealSession } from '../../lib/oauth/account/session.ts'
import type { AuthorizationServer } from '../../lib/oauth/authorization-server.ts'
import {
  type CallbackQuery,
  CallbackQuerySchema,
  checkBrowserSecret,
  checkCode,
  checkState,
  checkUser,
  reportExchangeFailure,
} from '../../lib/oauth/authorize/callback.ts'
import { expectTransaction } from '../../lib/oauth/authorize/consent.ts'
import { reportTo } from '../../lib/oauth/authorize/request.ts'
import { createCodeResponse } from '../../lib/oauth/authorize/response.ts'
import {
  type Authorization,
  getProvenRedirect,
  openTransaction,
  type Transaction,
} from '../../lib/oauth/authorize/transaction.ts'
import { CODE_TTL, createGrantRecord, UNREDEEMED_GRANT_TTL } from '../../lib/oauth/token/grant.ts'
import type { AuditSource } from '../../lib/telemetry/audit.ts'

const schema = { querystring: CallbackQuerySchema }

/** Where Sentry sends a user back to, from a client's sign-in or from their own to the account page. */
const callbackRoute: FastifyPluginAsyncTypebox<{ server: AuthorizationServer }> = async (
  fastify,
  { server },
) => {
  const { store, sealer, sentry, endpoints, audit, revocation, browserCookie, accountCookie } = server

  fastify.get('/oauth/callback', { schema, exposeHeadRoute: false }, async (request, reply) => {
    const transactionId = checkState(request.query)
    const browserSecret = checkBrowserSecret(request.cookies[browserCookie.name])
    const idHash = hashToken(transactionId)
    const sealed = expectTransaction(await store.takeTransaction(idHash, hashToken(browserSecret)))
    const transaction = openTransaction(sealed, idHash, sealer)

    if (transaction.kind === 'account') {
      const session = await openAccount(transaction, request.query, browserSecret, request)
      reply.setCookie(accountCookie.name, session, accountCookie.options)
      return reply.redirect(endpoints.account, 302)
    }
    return reply.redirect(await authorizeClient(transaction, request.query, request), 302)
  })

  /** Sentry's code becomes a grant, and the client gets a code of ours for it. Returns where the client is. */
  async function authorizeClient(
    authorization: Authorization,
    query: CallbackQuery,
    source: AuditSource,
  ): Promise<string> {
    const redirect = getProvenRedirect(authorization)
    if (query.error === 'access_denied')
      audit.write({ event: 'consent_denied', about: authorization, reason: 'user_at_sentry' }, source)
    const { tokens, userId } = await reportTo(redirect, () => tradeCode(authorization, query))

    const grant = createGrantRecord(authorization, tokens, userId, server)
    const code = createToken()
    await store.createGrant(grant, UNREDEEMED_GRANT_TTL)
    await store.saveCode(
      hashToken(code),
      {
        clientId: authorization.clientId,
        redirectUriHash: hashToken(authorization.redirectUri),
        codeChallenge: authorization.codeChallenge,
        grantId: grant.id,
        resource: grant.resource,
      },
      CODE_TTL,
    )
    audit.write({ event: 'grant_created', about: grant }, source)
    return createCodeResponse(redirect, endpoints.issuer, code)
  }

  /** Sentry's tokens have said who it is, which is all they were for. Returns the session. */
  async function openAccount(
    transaction: Transaction,
    query: CallbackQuery,
    browserSecret: string,
    source: AuditSource,
  ): Promise<string> {
    const { tokens, userId } = await tradeCode(transaction, query)
    revocation.revokeTokens(tokens)
    audit.write({ event: 'account_signed_in', about: { subject: userId } }, source)
    return sealSession(userId, tokens, browserSecret, sealer)
  }

  async function tradeCode({ upstreamVerifier }: Transaction, query: CallbackQuery) {
    const tokens = await sentry.exchangeCode(checkCode(query), upstreamVerifier).catch(reportExchangeFailure)
    return { tokens, userId: checkUser(tokens) }
  }
}

export default callbackRoute
