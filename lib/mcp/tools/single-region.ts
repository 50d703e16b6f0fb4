import type { Constraints } from '../../model/caller.ts'
import type { SentryTool } from '../core/types.ts'

/**
 * A self-hosted Sentry has no regions. By default, tools take the address of a region from the model, for which mcp-core
 * accepts hosts of sentry.io and would send them the user's token; or they look it up in the organization, where it may
 * be an http or internal address that mcp-core refuses. With an empty address, mcp-core uses the host of Sentry.
 */
const NO_REGION = ''

/** The tool without the parameter that chooses a region. */
export function withoutRegion(tool: SentryTool): SentryTool {
  if (!('regionUrl' in tool.inputSchema)) return tool
  const parameters = Object.entries(tool.inputSchema).filter(([name]) => name !== 'regionUrl')
  return {
    ...tool,
    inputSchema: Object.fromEntries(parameters),
    handler: (params, context) => tool.handler({ ...params, regionUrl: NO_REGION }, context),
  }
}

/** The same for tools that other tools call, passing on the region of the constraints. */
export function withoutRegionConstraint(constraints: Constraints): Constraints {
  return { ...constraints, regionUrl: NO_REGION }
}
