import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { createToken, hashToken } from '../../lib/crypto/hash.ts'
import { AccountFormSchema, checkAccountForm } from '../../lib/oauth/account/form.ts'
import type { AuthorizationServer } from '../../lib/oauth/authorization-server.ts'
import { sealTransaction, TRANSACTION_TTL, type Transaction } from '../../lib/oauth/authorize/transaction.ts'

const schema = { body: AccountFormSchema }

/**
 * Sends a user to Sentry to find out who they are. No scope is asked for, so that what Sentry hands out opens
 * nothing, and Sentry is not made to ask (`force_prompt`): it would show a list of no permissions.
 */
const accountSignInRoute: FastifyPluginAsyncTypebox<{ server: AuthorizationServer }> = async (
  fastify,
  { server },
) => {
  fastify.post('/account/sign-in', { schema, bodyLimit: 16 * 1024 }, async (request, reply) => {
    const { browserCookie, store, sealer, sentry } = server
    const cookie = request.cookies[browserCookie.name]
    const browserSecret = checkAccountForm(request.body, request.headers, cookie, server)
    const transactionId = createToken()
    const idHash = hashToken(transactionId)
    const browserHash = hashToken(browserSecret)
    const transaction: Transaction = { kind: 'account', upstreamVerifier: createToken() }
    const sealed = sealTransaction(transaction, idHash, sealer)
    await store.saveTransaction(idHash, { browserHash, sealed }, TRANSACTION_TTL)
    // Pressing the button was the consent that other transactions wait for.
    await store.approveTransaction(idHash, browserHash, sealed)
    const { upstreamVerifier: verifier } = transaction
    return reply.redirect(sentry.createAuthorizationUrl({ state: transactionId, verifier, scope: [] }), 303)
  })
}

export default accountSignInRoute
