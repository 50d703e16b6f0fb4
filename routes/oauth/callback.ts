import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { createToken, hashToken } from '../../lib/crypto/hash.ts'
import { createCodeResponse } from '../../lib/oauth/authorization-response.ts'
import type { AuthorizationServer } from '../../lib/oauth/authorization-server.ts'
import {
  CallbackQuerySchema,
  checkBrowserSecret,
  checkCode,
  checkState,
  checkUser,
  reportExchangeFailure,
} from '../../lib/oauth/callback-query.ts'
import { expectTransaction } from '../../lib/oauth/consent-form.ts'
import { CODE_TTL, createGrantRecord, UNREDEEMED_GRANT_TTL } from '../../lib/oauth/grant.ts'
import { getProvenRedirect, openTransaction } from '../../lib/oauth/transaction.ts'

const schema = { querystring: CallbackQuerySchema }

/** Where Sentry sends the user back to: its code becomes a grant, and the client gets a code of ours for it. */
const callbackRoute: FastifyPluginAsyncTypebox<{ server: AuthorizationServer }> = async (
  fastify,
  { server },
) => {
  const { store, sealer, sentry, endpoints } = server

  fastify.get('/oauth/callback', { schema, exposeHeadRoute: false }, async (request, reply) => {
    const transactionId = checkState(request.query)
    const browserSecret = checkBrowserSecret(request.cookies[server.browserCookie.name])
    const idHash = hashToken(transactionId)
    const sealed = expectTransaction(await store.takeTransaction(idHash, hashToken(browserSecret)))
    const transaction = openTransaction(sealed, idHash, sealer)
    const redirect = getProvenRedirect(transaction)

    const upstreamCode = checkCode(request.query, redirect)
    const tokens = await sentry
      .exchangeCode(upstreamCode, transaction.upstreamVerifier)
      .catch((error: unknown) => reportExchangeFailure(error, redirect))
    const userId = checkUser(tokens, redirect)

    const grant = createGrantRecord(transaction, tokens, userId, server)
    const code = createToken()
    await store.createGrant(grant, UNREDEEMED_GRANT_TTL)
    await store.saveCode(
      hashToken(code),
      {
        clientId: transaction.clientId,
        redirectUriHash: hashToken(transaction.redirectUri),
        codeChallenge: transaction.codeChallenge,
        grantId: grant.id,
      },
      CODE_TTL,
    )
    return reply.redirect(createCodeResponse(redirect, endpoints.issuer, code), 302)
  })
}

export default callbackRoute
