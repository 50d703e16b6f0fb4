import type { SentryTool } from '../core/types.ts'
import { EXECUTE_TOOL } from './gateways.ts'
import { MAX_RESULT_BYTES } from './result-size.ts'
import { USE_SENTRY } from './use-sentry.ts'

/**
 * Tools whose effect cannot be undone by another tool, or not to what was before. `destructiveHint` is mcp-core's and also
 * marks every change of an existing thing.
 */
export const HARD_TO_UNDO = ['delete_uptime_monitor', 'remove_team_from_project']

/** Tools that can call those. */
const CALLERS = [EXECUTE_TOOL, USE_SENTRY]

/**
 * What Claude Code reads in the `_meta` of a listed tool: how long a result may be before it becomes a file (by default
 * 50,000 characters), and that each call needs the user's consent, also where the tool is allowed. Other clients ignore it.
 */
export function describeHints(
  name: string,
  allowed: ReadonlyMap<string, SentryTool>,
): Record<string, unknown> {
  const isHardToUndo =
    HARD_TO_UNDO.includes(name) ||
    (CALLERS.includes(name) && HARD_TO_UNDO.some((other) => allowed.has(other)))
  return {
    // With the fence, and with what is left out.
    'anthropic/maxResultSizeChars': MAX_RESULT_BYTES + 1024,
    ...(isHardToUndo && { 'anthropic/requiresUserInteraction': true }),
  }
}
