import type { Constraints } from '../../model/caller.ts'
import type { SentryTool } from '../core/types.ts'

/**
 * A self-hosted Sentry has one region, itself. Left alone, tools would take a region's address from the model,
 * which mcp-core allows to be one of sentry.io and would send the user's token to, or look it up in the
 * organization, where it may be an http or an internal address that mcp-core refuses. An empty address is
 * mcp-core's own way of saying that there is nothing to choose.
 */
const NO_REGION = ''

/** The tool without the choice of a region. */
export function withoutRegion(tool: SentryTool): SentryTool {
  if (!('regionUrl' in tool.inputSchema)) return tool
  const parameters = Object.entries(tool.inputSchema).filter(([name]) => name !== 'regionUrl')
  return {
    ...tool,
    inputSchema: Object.fromEntries(parameters),
    handler: (params, context) => tool.handler({ ...params, regionUrl: NO_REGION }, context),
  }
}

/** The same for tools that are called by other tools, which pass on the region of the session. */
export function withoutRegionConstraint(constraints: Constraints): Constraints {
  return { ...constraints, regionUrl: NO_REGION }
}
