import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { createToken } from '../../lib/crypto/hash.ts'
import { nameBrowser } from '../../lib/http/browser-name.ts'
import type { Resource } from '../../lib/model/resource.ts'
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
import { type OfferedSkill, renderConsentPage } from '../../lib/pages/consent-page.ts'
import type { Site } from '../../lib/pages/layout.ts'

const schema = { querystring: AuthorizationQuerySchema }

interface AuthorizeOptions {
  server: AuthorizationServer
  site: Site
  /** How many tools a skill gives at a resource. */
  countTools(skill: string, resource: Pick<Resource, 'organization' | 'project'>): OfferedSkill['tools']
}

/**
 * The authorization endpoint (RFC 6749 §4.1.1). It verifies the request, starts a transaction in this browser and shows
 * the consent page, always: Sentry lets a returning user through without a question, so this page is all that stands
 * between a hostile client and the user's data.
 */
const authorizeRoute: FastifyPluginAsyncTypebox<AuthorizeOptions> = async (
  fastify,
  { server, site, countTools },
) => {
  const { settings, endpoints, choiceCookie } = server

  fastify.get('/oauth/authorize', { schema, exposeHeadRoute: false }, async (request, reply) => {
    const { query, cookies } = request
    request.client = { redirectUri: query.redirect_uri }
    const client = await requireClient(query, request.ip, server)
    const { id: clientId, name: clientName } = client
    request.client = { ...request.client, id: clientId, name: clientName }
    const redirect = requireVerifiedRedirect(query, client, server)
    request.client = { ...request.client, redirectUri: redirect.redirectUri }
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

    const browser = nameBrowser(request.headers['user-agent'])
    const { id, browserSecret } = await startTransaction(
      {
        kind: 'authorization',
        clientId,
        clientName,
        clientAuthMethod: client.tokenEndpointAuthMethod,
        ...redirect,
        codeChallenge,
        resource: resource.url,
        scope,
        skills: [],
        ...(browser !== undefined && { browser }),
        upstreamVerifier: createToken(),
      },
      cookies,
      reply,
      server,
    )

    const lastChoice = readChoice(cookies[choiceCookie.name], clientId)
    const ticked = preselectSkills(server.offeredSkills, scope, lastChoice)
    const skills = [...ticked].map(
      ([skill, isTicked]) => [skill, { isTicked, tools: countTools(skill, resource) }] as const,
    )
    const page = renderConsentPage(
      {
        action: endpoints.consent,
        transactionId: id,
        csrfToken: createCsrfToken(browserSecret, id, server.signer),
        clientName,
        documentUrl: client.documentUrl,
        homepage: client.homepage,
        redirectUri: redirect.redirectUri,
        isReadOnly: settings.READ_ONLY,
        organization: resource.organization,
        project: resource.project,
        // A skill whose tools are all disabled here would promise what it does not give.
        skills: new Map(skills.filter(([, { tools }]) => tools.all > 0)),
      },
      site,
    )
    return reply.type('text/html; charset=utf-8').send(page)
  })
}

export default authorizeRoute
