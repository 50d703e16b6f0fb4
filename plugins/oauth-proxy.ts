import cookie from '@fastify/cookie'
import formbody from '@fastify/formbody'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import Type from 'typebox'
import Value from 'typebox/value'
import { readAddressRange } from '../lib/http/address-range.ts'
import { logOAuthError, toOAuthError } from '../lib/oauth/answer-error.ts'
import { createAuthorizationServer } from '../lib/oauth/authorization-server.ts'
import { createErrorResponse } from '../lib/oauth/authorize/response.ts'
import { describeChallenge, describeError } from '../lib/oauth/error-answer.ts'
import { AuthorizationError, TemporarilyUnavailableError } from '../lib/oauth/errors.ts'
import { PageError, START_AGAIN } from '../lib/oauth/page-error.ts'
import { readRefreshToken } from '../lib/oauth/token/refresh-token.ts'
import { renderErrorPage } from '../lib/pages/error-page.ts'
import accountRevokeRoute from '../routes/account/revoke.ts'
import accountRoute from '../routes/account/show.ts'
import accountSignInRoute from '../routes/account/sign-in.ts'
import accountSignOutRoute from '../routes/account/sign-out.ts'
import authorizeRoute from '../routes/oauth/authorize.ts'
import callbackRoute from '../routes/oauth/callback.ts'
import consentRoute from '../routes/oauth/consent.ts'
import registerRoute from '../routes/oauth/register.ts'
import revokeRoute from '../routes/oauth/revoke.ts'
import tokenRoute from '../routes/oauth/token.ts'

const RefreshFormSchema = Type.Object({
  grant_type: Type.Literal('refresh_token'),
  refresh_token: Type.String(),
})

/**
 * The authorization server. Three of its endpoints speak JSON to clients, three speak to a person's browser;
 * each kind has its own way of saying what went wrong, and no answer of either is ever cached.
 */
async function oauthProxyPlugin(fastify: FastifyInstance) {
  const { config, store, sealer, signer, audit, clientDocuments } = fastify
  const { sentryOAuth: sentry, sentryTokens: upstream, sentryRevocation: revocation } = fastify
  const server = createAuthorizationServer({
    config,
    store,
    sealer,
    signer,
    sentry,
    upstream,
    revocation,
    audit,
    clientDocuments,
  })

  await fastify.register(cookie)
  fastify.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })

  const limit = { name: 'oauth', max: config.RATE_LIMIT_OAUTH, identify: identifyRequester }
  fastify.addHook('preValidation', fastify.limitRequests(limit))

  await fastify.register(async function clientEndpoints(scope) {
    scope.setErrorHandler(answerWithJson)
    await scope.register(registerRoute, { server })
    await scope.register(async function formEndpoints(forms) {
      forms.removeContentTypeParser('application/json')
      await forms.register(formbody)
      await forms.register(tokenRoute, { server })
      await forms.register(revokeRoute, { server })
    })
  })

  await fastify.register(async function browserEndpoints(scope) {
    scope.removeContentTypeParser('application/json')
    await scope.register(formbody)
    scope.setErrorHandler(answerToBrowser)
    await scope.register(authorizeRoute, { server })
    await scope.register(consentRoute, { server })
    await scope.register(callbackRoute, { server })
    await scope.register(accountRoute, { server })
    await scope.register(accountSignInRoute, { server })
    await scope.register(accountRevokeRoute, { server })
    await scope.register(accountSignOutRoute, { server })
  })

  /** Each endpoint counts by address, but a refresh by its grant: many users of one client may share an address. */
  function identifyRequester({ routeOptions, body, ip }: FastifyRequest): string {
    const isRefresh = routeOptions.url === '/oauth/token' && Value.Check(RefreshFormSchema, body)
    const grant = isRefresh ? readRefreshToken(body.refresh_token, signer) : undefined
    return `${routeOptions.url} ${grant?.grantId ?? readAddressRange(ip)}`
  }

  function answerWithJson(thrown: FastifyError, request: FastifyRequest, reply: FastifyReply) {
    const error = toOAuthError(thrown)
    logOAuthError(error, request.log)
    if (error instanceof TemporarilyUnavailableError) reply.header('retry-after', error.retryAfter)
    const challenge = describeChallenge(error, request.headers.authorization)
    if (challenge !== undefined) reply.header('www-authenticate', challenge)
    return reply.code(error.status).send(describeError(error))
  }

  function answerToBrowser(thrown: FastifyError, request: FastifyRequest, reply: FastifyReply) {
    if (thrown instanceof AuthorizationError) {
      logOAuthError(thrown.error, request.log)
      const status = request.method === 'POST' ? 303 : 302
      return reply.redirect(createErrorResponse(thrown.client, server.endpoints.issuer, thrown.error), status)
    }
    const { status, message, advice } =
      thrown instanceof PageError ? thrown : toPageError(thrown, request, reply)
    return reply
      .code(status)
      .type('text/html; charset=utf-8')
      .send(renderErrorPage(message, advice, request.id))
  }
}

/** What has no page of its own: the error's sentence, and advice that fits its kind. */
function toPageError(thrown: FastifyError, request: FastifyRequest, reply: FastifyReply): PageError {
  const error = toOAuthError(thrown)
  logOAuthError(error, request.log)
  if (error instanceof TemporarilyUnavailableError) {
    reply.header('retry-after', error.retryAfter)
    return new PageError(error.status, error.message, 'Wait a moment and reload this page.')
  }
  // An unknown client is a bad request to a person; 401 would ask them for a password.
  return new PageError(error.status >= 500 ? error.status : 400, error.message, START_AGAIN)
}

export default fp(oauthProxyPlugin, {
  name: 'oauth-proxy',
  fastify: '5.x',
  encapsulate: true,
  dependencies: [
    'config',
    'redis',
    'crypto',
    'audit',
    'sentry',
    'client-documents',
    'security',
    'rate-limit',
  ],
})
