import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { checkAccountForm, RevocationFormSchema } from '../../lib/oauth/account/form.ts'
import { readSession } from '../../lib/oauth/account/session.ts'
import type { AuthorizationServer } from '../../lib/oauth/authorization-server.ts'
import { endGrant } from '../../lib/oauth/token/end-grant.ts'

const schema = { body: RevocationFormSchema }

/** Ends one grant of the user who is signed in to the account page, or all of them. */
const accountRevokeRoute: FastifyPluginAsyncTypebox<{ server: AuthorizationServer }> = async (
  fastify,
  { server },
) => {
  const { browserCookie, accountCookie, store, sealer, endpoints } = server

  fastify.post('/account/revoke', { schema, bodyLimit: 16 * 1024 }, async (request, reply) => {
    const { body: form, cookies } = request
    const browserSecret = checkAccountForm(form, request.headers, cookies[browserCookie.name], server)
    const session = readSession(cookies[accountCookie.name], browserSecret, sealer)
    // Whose session has ended sees the button to sign in, and nothing has happened.
    const grants = session === undefined ? [] : await store.listGrants(session.userId)
    const chosen = grants.filter(({ id }) => form.grant === 'all' || form.grant === id)
    for (const { id } of chosen) await endGrant(id, 'user_request', server, request)
    return reply.redirect(endpoints.account, 303)
  })
}

export default accountRevokeRoute
