import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { hashToken } from '../../lib/crypto/hash.ts'
import { readBrowserSecret, sealSession } from '../../lib/oauth/account.ts'
import type { AuthorizationServer } from '../../lib/oauth/authorization-server.ts'
import {
  type CallbackQuery,
  CallbackQuerySchema,
  exchangeUpstreamCode,
  findRefusal,
  requireTransactionId,
} from '../../lib/oauth/authorize/callback.ts'
import { redirectErrors } from '../../lib/oauth/authorize/request.ts'
import { createCodeResponse } from '../../lib/oauth/authorize/response.ts'
import {
  getVerifiedRedirect,
  hasEnded,
  openTransaction,
  type PendingAuthorization,
  type Transaction,
  unwrapTransaction,
} from '../../lib/oauth/authorize/transaction.ts'
import { AuthorizationError } from '../../lib/oauth/errors.ts'
import { issueAuthorizationCode } from '../../lib/oauth/token/authorization-code.ts'
import { createGrantRecord } from '../../lib/oauth/token/grant.ts'
import type { AuditSource } from '../../lib/telemetry/audit.ts'

const schema = { querystring: CallbackQuerySchema }

/** Where Sentry sends a user back, from a client's sign-in or from the user's own to the account page. */
const callbackRoute: FastifyPluginAsyncTypebox<{ server: AuthorizationServer }> = async (
  fastify,
  { server },
) => {
  const { store, sealer, endpoints, audit, revocation, transactionCookies, accountCookies } = server

  fastify.get('/oauth/callback', { schema, exposeHeadRoute: false }, async (request, reply) => {
    const { query, cookies } = request
    const id = requireTransactionId(query)
    const idHash = hashToken(id)
    const browserHash = hashToken(transactionCookies.read(id, cookies))
    const outcome = await store.takeTransaction(idHash, browserHash)
    if (hasEnded(outcome)) transactionCookies.clear(id, reply)
    const sealed = unwrapTransaction(outcome)
    const transaction = openTransaction(sealed, { idHash, browserHash }, sealer)

    if (transaction.kind === 'account') {
      const { browser, session } = accountCookies
      const browserSecret = readBrowserSecret(cookies[browser.name])
      const sealedSession = await startSession(transaction, query, browserSecret, request)
      reply.setCookie(browser.name, browserSecret, browser.options)
      reply.setCookie(session.name, sealedSession, session.options)
      return reply.redirect(endpoints.account, 302)
    }
    return reply.redirect(await authorizeClient(transaction, query, request), 302)
  })

  /** Makes a grant of Sentry's code. Returns the URL that takes our code to the client. */
  async function authorizeClient(
    authorization: PendingAuthorization,
    query: CallbackQuery,
    source: AuditSource,
  ): Promise<string> {
    const redirect = getVerifiedRedirect(authorization)
    if (query.error === 'access_denied')
      audit.write({ event: 'consent_denied', about: authorization, reason: 'user_at_sentry' }, source)
    const { tokens, userId } = await redirectErrors(redirect, () =>
      exchangeUpstreamCode(query, authorization.upstreamVerifier, server),
    )
    try {
      const refusal = await redirectErrors(redirect, () => findRefusal(authorization, tokens, server))
      if (refusal !== undefined) {
        audit.write({ event: 'sign_in_refused', about: { ...authorization, subject: userId } }, source)
        // On a page, since the user has to know which account it was.
        throw new AuthorizationError(refusal, redirect, { isImmediate: false })
      }
      const grant = createGrantRecord(authorization, tokens, userId, server)
      const code = await issueAuthorizationCode(authorization, grant, server)
      audit.write({ event: 'grant_created', about: grant }, source)
      return createCodeResponse(redirect, endpoints.issuer, code)
    } catch (error) {
      revocation.revokeTokens(tokens)
      throw error
    }
  }

  /** Returns a session of the account page. Sentry's tokens only served to identify the user, so they are revoked. */
  async function startSession(
    { upstreamVerifier }: Transaction,
    query: CallbackQuery,
    browserSecret: string,
    source: AuditSource,
  ): Promise<string> {
    const { tokens, userId } = await exchangeUpstreamCode(query, upstreamVerifier, server)
    revocation.revokeTokens(tokens)
    audit.write({ event: 'account_signed_in', about: { subject: userId } }, source)
    return sealSession(userId, tokens, browserSecret, sealer)
  }
}

export default callbackRoute
