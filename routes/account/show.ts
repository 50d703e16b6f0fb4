import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { parseResource } from '../../lib/model/resource.ts'
import { createAccountCsrfToken } from '../../lib/oauth/account/form.ts'
import { readSession } from '../../lib/oauth/account/session.ts'
import type { AuthorizationServer } from '../../lib/oauth/authorization-server.ts'
import { readBrowserSecret } from '../../lib/oauth/authorize/browser.ts'
import { renderAccountPage, renderAccountSignInPage } from '../../lib/pages/account-page.ts'
import type { GrantRecord } from '../../lib/store/store.ts'

/**
 * The account page: a user's connected clients. Without a session it shows a button and nothing else. Sentry lets
 * a returning user through without a question, so that button is the gesture without which nobody's clients come
 * onto a screen. What it leads to is seen by that user's own browser alone.
 */
const accountRoute: FastifyPluginAsyncTypebox<{ server: AuthorizationServer }> = async (
  fastify,
  { server },
) => {
  const { config, endpoints, browserCookie, accountCookie } = server
  const page = { action: endpoints.account, home: endpoints.home, sentryHost: config.SENTRY_HOST }

  fastify.get('/account', { exposeHeadRoute: false }, async (request, reply) => {
    const browserSecret = readBrowserSecret(request.cookies[browserCookie.name])
    const session = readSession(request.cookies[accountCookie.name], browserSecret, server.sealer)
    const csrfToken = createAccountCsrfToken(browserSecret, server)
    reply.setCookie(browserCookie.name, browserSecret, browserCookie.options)
    reply.type('text/html; charset=utf-8')
    if (session === undefined) return reply.send(renderAccountSignInPage({ ...page, csrfToken }))
    const grants = await server.store.listGrants(session.userId)
    const user = session.userName ?? `user ${session.userId}`
    return reply.send(renderAccountPage({ ...page, csrfToken, user, clients: grants.map(describeClient) }))
  })

  function describeClient(grant: GrantRecord) {
    const { organization, project } = parseResource(config.BASE_URL, grant.resource) ?? {}
    return { ...grant, organization, project }
  }
}

export default accountRoute
