import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { createToken, hashToken } from '../../lib/crypto/hash.ts'
import type { AuthorizationServer } from '../../lib/oauth/authorization-server.ts'
import { createCsrfToken, readBrowserSecret } from '../../lib/oauth/authorize/browser.ts'
import {
  AuthorizationQuerySchema,
  checkClient,
  checkPkce,
  checkRedirectUri,
  checkResource,
  checkResponseType,
  checkScope,
  checkState,
  proveRedirect,
  reportTo,
} from '../../lib/oauth/authorize/request.ts'
import { preselectSkills, readChoice } from '../../lib/oauth/authorize/skill-choice.ts'
import {
  type Authorization,
  sealTransaction,
  TRANSACTION_TTL,
} from '../../lib/oauth/authorize/transaction.ts'
import { renderConsentPage } from '../../lib/pages/consent-page.ts'

const schema = { querystring: AuthorizationQuerySchema }

/**
 * The authorization endpoint (RFC 6749 §4.1.1). It proves the request, begins a transaction in this browser and
 * asks for consent, always: Sentry lets a returning user through without a question, so this page is the only
 * thing between a hostile client and their data.
 */
const authorizeRoute: FastifyPluginAsyncTypebox<{ server: AuthorizationServer }> = async (
  fastify,
  { server },
) => {
  const cookie = server.browserCookie

  fastify.get('/oauth/authorize', { schema, exposeHeadRoute: false }, async (request, reply) => {
    const { query } = request
    const client = await checkClient(query, server)
    const redirect = proveRedirect(checkRedirectUri(query, client, server), query)
    const { codeChallenge, resource, scope } = await reportTo(redirect, () => {
      checkState(query)
      checkResponseType(query)
      return {
        codeChallenge: checkPkce(query),
        resource: checkResource(query, server),
        scope: checkScope(query, server),
      }
    })

    const browserSecret = readBrowserSecret(request.cookies[cookie.name])
    const transactionId = createToken()
    const idHash = hashToken(transactionId)
    const transaction: Authorization = {
      kind: 'authorization',
      clientId: client.id,
      clientName: client.name,
      ...redirect,
      codeChallenge,
      resource: resource.url,
      scope,
      skills: [],
      upstreamVerifier: createToken(),
    }
    const sealed = sealTransaction(transaction, idHash, server.sealer)
    await server.store.saveTransaction(
      idHash,
      { browserHash: hashToken(browserSecret), sealed },
      TRANSACTION_TTL,
    )

    reply.setCookie(cookie.name, browserSecret, cookie.options)
    return reply.type('text/html; charset=utf-8').send(
      renderConsentPage({
        action: server.endpoints.consent,
        transactionId,
        csrfToken: createCsrfToken(browserSecret, transactionId, server.signer),
        clientName: client.name,
        verifiedHost: client.verifiedHost,
        redirectUri: redirect.redirectUri,
        sentryHost: server.config.SENTRY_HOST,
        isReadOnly: server.config.READ_ONLY,
        organization: resource.organization,
        project: resource.project,
        skills: preselectSkills(
          server.offeredSkills,
          scope,
          readChoice(request.cookies[server.choiceCookie.name], client.id),
        ),
      }),
    )
  })
}

export default authorizeRoute
