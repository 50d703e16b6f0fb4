import type { ToolContext } from '../core/types.ts'
import type { JsonRpcMessage } from './json-rpc.ts'

/** What a client names the progress of its request by; undefined when it does not want to hear of it. */
export type ProgressToken = string | number | undefined

/** The progress of the calls of one request. */
export interface Progress {
  /** Begins to follow a call, whose tool reports with what this returns. */
  follow(token: ProgressToken): ToolContext['reportProgress']
  /** Progress for calls whose tool has nothing to say, so that clients which wait for it go on waiting. */
  describe(): JsonRpcMessage[]
  /** Where reports go; before this they go nowhere. */
  listen(listener: (notification: JsonRpcMessage) => void): void
}

interface Followed {
  token: string | number
  startedAt: number
  /** Whether the tool tells of its progress itself, in a measure of its own. */
  isReported: boolean
  last: number
}

export function createProgress(): Progress {
  const calls: Followed[] = []
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

/** The notification of a step, unless it would be a step back, which MCP forbids. */
function advance(
  call: Followed,
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
