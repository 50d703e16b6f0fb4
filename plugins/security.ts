import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { acceptsPage } from '../lib/http/accept.ts'
import { createOriginPolicy, isAllowedHost, isAllowedTarget } from '../lib/http/origin.ts'
import { renderErrorPage } from '../lib/pages/error-page.ts'
import { STYLE_SOURCE } from '../lib/pages/layout.ts'

/**
 * Security headers and CORS of every response, and the check of every request's Host header. @fastify/cors can be
 * registered only once, so the rules of each path are here.
 */
async function securityPlugin(fastify: FastifyInstance) {
  const { BASE_URL } = fastify.config
  const base = new URL(BASE_URL)
  const isAllowedOrigin = createOriginPolicy(fastify.config)

  await fastify.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      // No form-action: browsers apply it to the redirects that follow, and private-use schemes of clients cannot be
      // listed.
      directives: {
        defaultSrc: ["'none'"],
        styleSrc: [STYLE_SOURCE],
        // The icon.
        imgSrc: ["'self'"],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
      },
    },
    // Clients open the sign-in as a pop-up and wait for it, which isolation would prevent.
    crossOriginOpenerPolicy: false,
    // With no-referrer, browsers send the consent form with `Origin: null`.
    referrerPolicy: { policy: 'same-origin' },
    // Whether the hosts below this one have TLS is not for this server to say.
    strictTransportSecurity: BASE_URL.startsWith('https:') && { includeSubDomains: false },
    xFrameOptions: { action: 'deny' },
  })

  await fastify.register(cors, () => (request: FastifyRequest, done: CorsCallback) => {
    done(null, createCorsOptions(request, isAllowedOrigin))
  })

  fastify.addHook('onRequest', async (request, reply) => {
    // Probes use the address of the instance; the page below shows the icon.
    if (request.url.startsWith('/health') || request.url === '/icon.png') return
    if (isAllowedHost(request.host, base) && isAllowedTarget(request.originalUrl, base)) return
    request.log.warn(
      { host: request.host },
      'refused a foreign Host header; a proxy in front must pass Host on unchanged',
    )
    reply.code(403)
    if (!acceptsPage(request.headers.accept)) {
      return reply.send({
        error: 'forbidden',
        error_description: 'The Host header is not that of this server.',
      })
    }
    const sentence = 'This server has another address.'
    const advice = `Open ${BASE_URL} instead.`
    const page = renderErrorPage({ sentence, advice, requestId: request.id }, fastify.site)
    return reply.type('text/html; charset=utf-8').send(page)
  })
}

type CorsCallback = (error: Error | null, options: ReturnType<typeof createCorsOptions>) => void

/** Discovery is open to all origins, JSON endpoints to allowed origins, pages to none. */
function createCorsOptions(
  { url, headers: { origin } }: FastifyRequest,
  isAllowedOrigin: (origin: string) => boolean,
) {
  if (/^(\/mcp(\/[\w-]+){0,2})?\/\.well-known\//.test(url)) return { origin: '*', methods: ['GET'] }
  if (!/^\/(mcp(\/|\?|$)|oauth\/(register|token|revoke)\/?(\?|$))/.test(url)) return { origin: false }
  return {
    origin: origin !== undefined && isAllowedOrigin(origin),
    methods: ['POST'],
    exposedHeaders: ['WWW-Authenticate', 'Retry-After'],
    maxAge: 600,
  }
}

export default fp(securityPlugin, { name: 'security', fastify: '5.x', dependencies: ['config', 'pages'] })
