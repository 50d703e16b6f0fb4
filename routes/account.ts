import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import Type, { type Static } from 'typebox'
import { createToken } from '../lib/crypto/hash.ts'
import { UnsealError } from '../lib/crypto/sealer.ts'
import { parseResource } from '../lib/model/resource.ts'
import {
  AccountFormSchema,
  assertSignInPage,
  createAccountCsrfToken,
  RevocationFormSchema,
  readBrowserSecret,
  readSession,
  requireAccountBrowser,
  SignInFormSchema,
} from '../lib/oauth/account.ts'
import type { AuthorizationServer } from '../lib/oauth/authorization-server.ts'
import { createCsrfToken } from '../lib/oauth/authorize/browser.ts'
import { startTransaction, type Transaction } from '../lib/oauth/authorize/transaction.ts'
import { endGrant } from '../lib/oauth/token/grant.ts'
import {
  type ConnectedClient,
  type Program,
  renderAccountPage,
  renderAccountSignInPage,
  renderRevocationPage,
} from '../lib/pages/account-page.ts'
import type { Site } from '../lib/pages/layout.ts'
import type { GrantRecord } from '../lib/store/store.ts'

/** The page says so after something was revoked. */
const AccountQuerySchema = Type.Object({ revoked: Type.Optional(Type.String()) })

/**
 * The account page: a user's connected clients. Without a session it shows only a sign-in button. Sentry lets a
 * returning user through without a question, so without that button any link could put a user's clients on the screen.
 */
const accountRoutes: FastifyPluginAsyncTypebox<{ server: AuthorizationServer; site: Site }> = async (
  fastify,
  { server, site },
) => {
  const {
    settings,
    endpoints,
    accountCookies,
    transactionCookies,
    store,
    sealer,
    signer,
    cimd,
    sentryOAuth,
  } = server

  fastify.get('/account', { schema: { querystring: AccountQuerySchema } }, async (request, reply) => {
    const { cookies, query } = request
    const { browser } = accountCookies
    const browserSecret = readBrowserSecret(cookies[browser.name])
    const session = readSession(cookies[accountCookies.session.name], browserSecret, sealer)
    reply.setCookie(browser.name, browserSecret, browser.options)
    reply.type('text/html; charset=utf-8')
    if (session === undefined) {
      const pageId = createToken()
      const csrfToken = createCsrfToken(transactionCookies.bind(pageId, cookies, reply), pageId, signer)
      return reply.send(renderAccountSignInPage({ csrfToken, pageId }, site))
    }
    const csrfToken = createAccountCsrfToken(browserSecret, signer)
    const grants = await store.listGrants(session.userId)
    const user = session.userName ?? `user ${session.userId}`
    const clients = await Promise.all(grants.map((grant) => describeClient(grant, request.ip)))
    const hasRevoked = query.revoked !== undefined
    return reply.send(renderAccountPage({ csrfToken, user, clients, hasRevoked }, site))
  })

  /**
   * Sends a user to Sentry to identify them. No scope is requested, so Sentry's tokens give access to nothing, and
   * Sentry is not made to ask (`force_prompt`): it would show an empty list of permissions.
   */
  fastify.post('/account/sign-in', { schema: { body: SignInFormSchema } }, async (request, reply) => {
    assertSignInPage(request.body, request, server)
    const transaction: Transaction = { kind: 'account', upstreamVerifier: createToken() }
    const { id, idHash, browserHash, sealed } = await startTransaction(
      transaction,
      request.cookies,
      reply,
      server,
    )
    // Pressing the button was the consent that a client's transaction waits for.
    await store.approveTransaction(idHash, browserHash, sealed)
    const { upstreamVerifier: verifier } = transaction
    return reply.redirect(sentryOAuth.createAuthorizationUrl({ state: id, verifier, scope: [] }), 303)
  })

  /** Revokes one grant of the signed-in user, or all of them, once the user has confirmed it on a page of its own. */
  fastify.post('/account/revoke', { schema: { body: RevocationFormSchema } }, async (request, reply) => {
    const { body: form, cookies } = request
    const browserSecret = requireBrowser(request)
    const session = readSession(cookies[accountCookies.session.name], browserSecret, sealer)
    // A user whose session has expired gets the sign-in button, and nothing is revoked.
    const grants = session === undefined ? [] : await store.listGrants(session.userId)
    const chosen = grants.filter(({ id }) => form.grant === 'all' || form.grant === id)
    if (chosen.length === 0) return reply.redirect(endpoints.account, 303)
    if (form.confirmed === undefined) {
      const csrfToken = createAccountCsrfToken(browserSecret, signer)
      const clients = await Promise.all(chosen.map((grant) => describeClient(grant, request.ip)))
      const page = renderRevocationPage({ csrfToken, grant: form.grant, clients }, site)
      return reply.type('text/html; charset=utf-8').send(page)
    }
    for (const { id } of chosen) await endGrant(id, 'user_request', server, request)
    return reply.redirect(`${endpoints.account}?revoked=1`, 303)
  })

  /** Signs a user out of this page. Their clients stay connected, and Sentry keeps its own session. */
  fastify.post('/account/sign-out', { schema: { body: AccountFormSchema } }, async (request, reply) => {
    requireBrowser(request)
    reply.clearCookie(accountCookies.session.name, accountCookies.session.options)
    return reply.redirect(endpoints.account, 303)
  })

  function requireBrowser(request: {
    body: Static<typeof AccountFormSchema>
    headers: FastifyRequest['headers']
    cookies: FastifyRequest['cookies']
  }): string {
    return requireAccountBrowser(
      request.body,
      request.headers,
      request.cookies[accountCookies.browser.name],
      server,
    )
  }

  async function describeClient(grant: GrantRecord, ip: string): Promise<ConnectedClient> {
    const { organization, project } = parseResource(settings.BASE_URL, grant.resource) ?? {}
    return { ...grant, organization, project, program: await findProgram(grant, ip) }
  }

  /** A client that is known by a document is not read again: the page must not depend on its publisher. */
  async function findProgram({ clientId }: GrantRecord, ip: string): Promise<Program | undefined> {
    if (cimd.isDocumentUrl(clientId)) return { documentUrl: clientId }
    try {
      return await server.findClient(clientId, ip)
    } catch (error) {
      if (error instanceof UnsealError) return undefined
      throw error
    }
  }
}

export default accountRoutes
