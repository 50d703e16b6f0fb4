import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { VERSION } from '../lib/config/version.ts'
import type { ToolRegistry } from '../lib/mcp/core/types.ts'
import { type Mcp, openMcp } from '../lib/mcp/open.ts'
import type { Caller } from '../lib/model/caller.ts'
import { createResource } from '../lib/model/resource.ts'
import { createChallenge } from '../lib/oauth/resource/challenge.ts'
import { createToolCallRecorder } from '../lib/telemetry/tool-calls.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** Responds to MCP requests of authenticated callers, and counts tools. */
    mcp: Mcp
  }
}

export interface ToolsOptions {
  /** Replaces Sentry's tools. */
  tools?: ToolRegistry
}

/** Sentry's tools: which of them a caller has, and their calls. */
async function toolsPlugin(fastify: FastifyInstance, { tools }: ToolsOptions) {
  const { config, sentryLocation: sentry, audit, metrics, tracing } = fastify
  const mcp = await openMcp({
    settings: config,
    sentry,
    version: VERSION,
    log: fastify.log,
    calls: createToolCallRecorder({
      metrics,
      tracing,
      hashSubject: (subject) => audit.hashIdentifiers({ subject }).subject_hash,
    }),
    challengeScope,
    tools,
  })
  fastify.decorate('mcp', mcp)

  /** Asks for a wider grant of the same resource. */
  function challengeScope(wanted: readonly string[], { constraints }: Caller): string {
    const resource = createResource(config.BASE_URL, constraints.organizationSlug, constraints.projectSlug)
    if (resource === undefined)
      throw new TypeError('The constraints of the caller are not those of a resource.')
    return createChallenge({ resource, scope: wanted, error: 'insufficient_scope' })
  }
}

export default fp(toolsPlugin, {
  name: 'tools',
  fastify: '5.x',
  dependencies: ['config', 'audit', 'metrics', 'tracing', 'sentry'],
})
