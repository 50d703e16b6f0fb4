import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { hashToken } from '../../lib/crypto/hash.ts'
import type { AuthorizationServer } from '../../lib/oauth/authorization-server.ts'
import {
  ConsentFormSchema,
  checkBrowser,
  checkSameOrigin,
  expectTransaction,
  readSkills,
} from '../../lib/oauth/authorize/consent.ts'
import { rememberChoice } from '../../lib/oauth/authorize/skill-choice.ts'
import {
  getProvenRedirect,
  openAuthorization,
  sealTransaction,
} from '../../lib/oauth/authorize/transaction.ts'
import { AccessDeniedError, AuthorizationError } from '../../lib/oauth/errors.ts'

const schema = { body: ConsentFormSchema }

/** Takes the user's decision. A yes goes on to Sentry; a no goes back to the client, which must hear of it. */
const consentRoute: FastifyPluginAsyncTypebox<{ server: AuthorizationServer }> = async (
  fastify,
  { server },
) => {
  const { store, sealer } = server

  fastify.post('/oauth/consent', { schema, bodyLimit: 16 * 1024 }, async (request, reply) => {
    const form = request.body
    checkSameOrigin(request.headers, server)
    const browserSecret = checkBrowser(form, request.cookies[server.browserCookie.name], server)
    const idHash = hashToken(form.transaction)
    const browserHash = hashToken(browserSecret)

    if (form.decision === 'deny') {
      const sealed = expectTransaction(await store.denyTransaction(idHash, browserHash))
      const transaction = openAuthorization(sealed, idHash, sealer)
      server.audit.write({ event: 'consent_denied', about: transaction, reason: 'user' }, request)
      const denial = new AccessDeniedError('The user did not allow access.')
      throw new AuthorizationError(denial, getProvenRedirect(transaction))
    }

    const skills = readSkills(form, server)
    const sealed = expectTransaction(await store.readTransaction(idHash, browserHash))
    const transaction = { ...openAuthorization(sealed, idHash, sealer), skills }
    const approved = sealTransaction(transaction, idHash, sealer)
    expectTransaction(await store.approveTransaction(idHash, browserHash, approved))
    server.audit.write({ event: 'consent_granted', about: transaction }, request)
    const { name, options } = server.choiceCookie
    reply.setCookie(name, rememberChoice(request.cookies[name], transaction.clientId, skills), options)
    const url = server.sentry.createAuthorizationUrl({
      state: form.transaction,
      verifier: transaction.upstreamVerifier,
      scope: server.scopes,
    })
    return reply.redirect(url, 303)
  })
}

export default consentRoute
