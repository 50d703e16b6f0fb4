import cookie from '@fastify/cookie'
import formbody from '@fastify/formbody'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { readAddressRange } from '../lib/http/address-range.ts'
import { createAuthorizationServer } from '../lib/oauth/authorization-server.ts'
import { createErrorResponse } from '../lib/oauth/authorize/response.ts'
import {
  createJsonErrorResponse,
  createPageErrorResponse,
  logOAuthError,
  toOAuthError,
} from '../lib/oauth/error-response.ts'
import { AuthorizationError, NotAMemberError, PageError } from '../lib/oauth/errors.ts'
import { readRefreshedGrant } from '../lib/oauth/token/refresh-token.ts'
import { renderErrorPage } from '../lib/pages/error-page.ts'
import { renderNotAMemberPage } from '../lib/pages/not-a-member-page.ts'
import accountRoutes from '../routes/account.ts'
import authorizeRoute from '../routes/oauth/authorize.ts'
import callbackRoute from '../routes/oauth/callback.ts'
import consentRoute from '../routes/oauth/consent.ts'
import registerRoute from '../routes/oauth/register.ts'
import revokeRoute from '../routes/oauth/revoke.ts'
import tokenRoute from '../routes/oauth/token.ts'

/** The longest form that an endpoint accepts, in bytes. */
const FORM_LIMIT = 16 * 1024

/**
 * The authorization server. Three of its endpoints respond with JSON to clients, the others with pages to a user's
 * browser, their errors included; no response is ever cached.
 */
async function oauthProxyPlugin(fastify: FastifyInstance) {
  const { config, store, sealer, signer, audit, cimd } = fastify
  const { sentryLocation: sentry, sentryOAuth, sentryApi, sentryTokens } = fastify
  const { sentryRevocation: revocation } = fastify
  const server = createAuthorizationServer({
    settings: config,
    store,
    sealer,
    signer,
    sentry,
    sentryOAuth,
    sentryApi,
    sentryTokens,
    revocation,
    audit,
    cimd,
  })

  await fastify.register(cookie)
  fastify.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })

  const limit = { name: 'oauth', max: config.RATE_LIMIT_OAUTH, identify: identifyRequester }
  fastify.addHook('preValidation', fastify.limitRequests(limit))

  await fastify.register(async function clientEndpoints(scope) {
    scope.setErrorHandler(respondWithJson)
    await scope.register(registerRoute, { server })
    await scope.register(async function formEndpoints(forms) {
      await acceptForms(forms)
      await forms.register(tokenRoute, { server })
      await forms.register(revokeRoute, { server })
    })
  })

  await fastify.register(async function browserEndpoints(scope) {
    scope.setErrorHandler(respondWithPage)
    await acceptForms(scope)
    await scope.register(authorizeRoute, { server })
    await scope.register(consentRoute, { server })
    await scope.register(callbackRoute, { server })
    await scope.register(accountRoutes, { server })
  })

  /** Counts each endpoint by address, but a refresh by its grant: many users of one client may share an address. */
  function identifyRequester({ routeOptions, body, ip }: FastifyRequest): string {
    const grantId = routeOptions.url === '/oauth/token' ? readRefreshedGrant(body, signer) : undefined
    return `${routeOptions.url} ${grantId ?? readAddressRange(ip)}`
  }

  function respondWithPage(thrown: FastifyError, request: FastifyRequest, reply: FastifyReply) {
    const error = thrown instanceof PageError ? thrown : toOAuthError(thrown)
    if (!(error instanceof PageError)) logOAuthError(error, request.log)
    const wayBack = thrown instanceof AuthorizationError ? createWayBack(thrown) : undefined
    if (wayBack?.isImmediate) {
      return reply.redirect(wayBack.href, request.method === 'POST' ? 303 : 302)
    }
    const { status, headers, sentence, advice } = createPageErrorResponse(error)
    return reply
      .code(status)
      .headers(headers)
      .type('text/html; charset=utf-8')
      .send(
        error instanceof NotAMemberError
          ? renderNotAMemberPage({ account: error.account, sentryHost: config.SENTRY_HOST, wayBack })
          : renderErrorPage(sentence, advice, request.id, wayBack),
      )
  }

  function createWayBack({ redirect, error, isImmediate }: AuthorizationError) {
    const href = createErrorResponse(redirect, server.endpoints.issuer, error)
    return { href, redirectUri: redirect.redirectUri, isImmediate }
  }
}

function respondWithJson(thrown: FastifyError, request: FastifyRequest, reply: FastifyReply) {
  const error = toOAuthError(thrown)
  logOAuthError(error, request.log)
  const { status, headers, body } = createJsonErrorResponse(error, request.headers.authorization)
  return reply.code(status).headers(headers).send(body)
}

/** Makes the routes of a scope accept forms, and no other media type. */
async function acceptForms(scope: FastifyInstance): Promise<void> {
  scope.removeAllContentTypeParsers()
  await scope.register(formbody, { bodyLimit: FORM_LIMIT })
}

export default fp(oauthProxyPlugin, {
  name: 'oauth-proxy',
  fastify: '5.x',
  encapsulate: true,
  dependencies: ['config', 'redis', 'crypto', 'audit', 'sentry', 'cimd', 'security', 'rate-limit'],
})
