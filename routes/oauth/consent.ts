import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { hashToken } from '../../lib/crypto/hash.ts'
import type { AuthorizationServer } from '../../lib/oauth/authorization-server.ts'
import { assertSameOrigin } from '../../lib/oauth/authorize/browser.ts'
import {
  assertConfirmed,
  ConsentFormSchema,
  requireConsentBrowser,
  requireSkills,
} from '../../lib/oauth/authorize/consent.ts'
import { addChoice } from '../../lib/oauth/authorize/skill-choice.ts'
import {
  getRequestClient,
  getVerifiedRedirect,
  hasEnded,
  openAuthorization,
  sealTransaction,
  unwrapTransaction,
} from '../../lib/oauth/authorize/transaction.ts'
import { selectUpstreamScope } from '../../lib/oauth/authorize/upstream-scope.ts'
import { AccessDeniedError, AuthorizationError } from '../../lib/oauth/errors.ts'

const schema = { body: ConsentFormSchema }

/** Takes the user's decision. Allow leads to Sentry; deny leads back to the client, which has to learn of it. */
const consentRoute: FastifyPluginAsyncTypebox<{ server: AuthorizationServer }> = async (
  fastify,
  { server },
) => {
  const { store, sealer, audit, transactionCookies, choiceCookie } = server

  fastify.post('/oauth/consent', { schema }, async (request, reply) => {
    const { body: form, cookies } = request
    assertSameOrigin(request.headers, server.endpoints)
    const browserSecret = await requireConsentBrowser(form, cookies, server)
    const idHash = hashToken(form.transaction)
    const browserHash = hashToken(browserSecret)
    const key = { idHash, browserHash }

    if (form.decision === 'deny') {
      const outcome = await store.denyTransaction(idHash, browserHash)
      if (hasEnded(outcome)) transactionCookies.clear(form.transaction, reply)
      const sealed = unwrapTransaction(outcome)
      const transaction = openAuthorization(sealed, key, sealer)
      request.client = getRequestClient(transaction)
      audit.write({ event: 'consent_denied', about: transaction, reason: 'user' }, request)
      const denial = new AccessDeniedError('The user did not allow access.')
      throw new AuthorizationError(denial, getVerifiedRedirect(transaction))
    }

    assertConfirmed(form)
    const skills = requireSkills(form, server)
    const sealed = unwrapTransaction(await store.readTransaction(idHash, browserHash))
    const transaction = { ...openAuthorization(sealed, key, sealer), skills }
    request.client = getRequestClient(transaction)
    const approved = sealTransaction(transaction, key, sealer)
    unwrapTransaction(await store.approveTransaction(idHash, browserHash, approved))
    audit.write({ event: 'consent_granted', about: transaction }, request)
    const { name, options } = choiceCookie
    reply.setCookie(name, addChoice(cookies[name], transaction.clientId, skills), options)
    const url = server.sentryOAuth.createAuthorizationUrl({
      state: form.transaction,
      verifier: transaction.upstreamVerifier,
      scope: selectUpstreamScope(transaction, server.settings),
    })
    return reply.redirect(url, 303)
  })
}

export default consentRoute
