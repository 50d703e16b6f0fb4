import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { AccountFormSchema, checkAccountForm } from '../../lib/oauth/account/form.ts'
import type { AuthorizationServer } from '../../lib/oauth/authorization-server.ts'

const schema = { body: AccountFormSchema }

/** Signs a user out of the account page. Their clients stay connected, and Sentry keeps its own session. */
const accountSignOutRoute: FastifyPluginAsyncTypebox<{ server: AuthorizationServer }> = async (
  fastify,
  { server },
) => {
  const { browserCookie, accountCookie, endpoints } = server

  fastify.post('/account/sign-out', { schema, bodyLimit: 16 * 1024 }, async (request, reply) => {
    checkAccountForm(request.body, request.headers, request.cookies[browserCookie.name], server)
    reply.clearCookie(accountCookie.name, accountCookie.options)
    return reply.redirect(endpoints.account, 303)
  })
}

export default accountSignOutRoute
