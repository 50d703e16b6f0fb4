import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { createToken } from '../../lib/crypto/hash.ts'
import type { AuthorizationServer } from '../../lib/oauth/authorization-server.ts'
import { createCsrfToken } from '../../lib/oauth/authorize/browser.ts'
import {
  AuthorizationQuerySchema,
  assertResponseMode,
  assertResponseType,
  assertState,
  offerErrors,
  parseRequestedResource,
  parseRequestedScope,
  requireClient,
  requireCodeChallenge,
  requireVerifiedRedirect,
} from '../../lib/oauth/authorize/request.ts'
import { preselectSkills, readChoice } from '../../lib/oauth/authorize/skill-choice.ts'
import { startTransaction } from '../../lib/oauth/authorize/transaction.ts'
import { renderConsentPage } from '../../lib/pages/consent-page.ts'

const schema = { querystring: AuthorizationQuerySchema }

/**
 * The authorization endpoint (RFC 6749 §4.1.1). It verifies the request, starts a transaction in this browser and shows
 * the consent page, always: Sentry lets a returning user through without a question, so this page is all that stands
 * between a hostile client and the user's data.
 */
const authorizeRoute: FastifyPluginAsyncTypebox<{ server: AuthorizationServer }> = async (
  fastify,
  { server },
) => {
  const { settings, endpoints, choiceCookie } = server

  fastify.get('/oauth/authorize', { schema, exposeHeadRoute: false }, async (request, reply) => {
    const { query, cookies } = request
    const client = await requireClient(query, request.ip, server)
    const redirect = requireVerifiedRedirect(query, client, server)
    const { codeChallenge, resource, scope } = await offerErrors(redirect, () => {
      assertState(query)
      assertResponseType(query)
      assertResponseMode(query)
      return {
        codeChallenge: requireCodeChallenge(query),
        resource: parseRequestedResource(query, settings),
        scope: parseRequestedScope(query, settings),
      }
    })

    const { id, browserSecret } = await startTransaction(
      {
        kind: 'authorization',
        clientId: client.id,
        clientName: client.name,
        clientAuthMethod: client.tokenEndpointAuthMethod,
        ...redirect,
        codeChallenge,
        resource: resource.url,
        scope,
        skills: [],
        upstreamVerifier: createToken(),
      },
      cookies,
      reply,
      server,
    )

    const lastChoice = readChoice(cookies[choiceCookie.name], client.id)
    return reply.type('text/html; charset=utf-8').send(
      renderConsentPage({
        action: endpoints.consent,
        transactionId: id,
        csrfToken: createCsrfToken(browserSecret, id, server.signer),
        clientName: client.name,
        documentUrl: client.documentUrl,
        redirectUri: redirect.redirectUri,
        sentryHost: server.sentry.host,
        isReadOnly: settings.READ_ONLY,
        isForSome: settings.ALLOWED_ORGANIZATIONS.length > 0,
        organization: resource.organization,
        project: resource.project,
        skills: preselectSkills(server.offeredSkills, scope, lastChoice),
      }),
    )
  })
}

export default authorizeRoute
