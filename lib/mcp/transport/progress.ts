import type { ToolContext } from '../core/types.ts'
import type { JsonRpcMessage } from './json-rpc.ts'

/** The client's name for the progress of its request; undefined if it does not ask for progress. */
export type ProgressToken = string | number | undefined

/** The progress of the tool calls of one request. */
export interface Progress {
  /** Registers a call, and returns the function with which its tool reports progress. */
  follow(token: ProgressToken): ToolContext['reportProgress']
  /** Notifications for the calls whose tool reports nothing, so that their clients' timeouts start again. */
  describe(): JsonRpcMessage[]
  /** Sets the receiver of reports. Reports before the first call of this are dropped. */
  listen(listener: (notification: JsonRpcMessage) => void): void
}

interface FollowedCall {
  token: string | number
  startedAt: number
  /** Whether the tool reports progress itself, in its own unit. */
  isReported: boolean
  last: number
}

export function createProgress(): Progress {
  const calls: FollowedCall[] = []
  let notify: Parameters<Progress['listen']>[0] = () => undefined

  function follow(token: ProgressToken): ToolContext['reportProgress'] {
    if (token === undefined) return () => undefined
    const call = { token, startedAt: Date.now(), isReported: false, last: Number.NEGATIVE_INFINITY }
    calls.push(call)
    return (progress, total, message) => {
      call.isReported = true
      const notification = advance(call, { progress, total, message })
      if (notification !== undefined) notify(notification)
    }
  }

  function describe(): JsonRpcMessage[] {
    const now = Date.now()
    return calls
      .filter((call) => !call.isReported)
      .map((call) => advance(call, { progress: (now - call.startedAt) / 1000 }))
      .filter((notification) => notification !== undefined)
  }

  function listen(listener: typeof notify): void {
    notify = listener
  }

  return { follow, describe, listen }
}

/** The notification of a step; undefined if progress would not increase, as MCP requires. */
function advance(
  call: FollowedCall,
  step: { progress: number; total?: number; message?: string },
): JsonRpcMessage | undefined {
  if (step.progress <= call.last) return undefined
  call.last = step.progress
  return {
    jsonrpc: '2.0',
    method: 'notifications/progress',
    params: { progressToken: call.token, ...step },
  }
}
