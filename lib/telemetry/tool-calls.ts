import type { FastifyBaseLogger } from 'fastify'
import type { Caller } from '../model/caller.ts'
import { CAUSE } from './error-log-channel.ts'
import type { Metrics } from './metrics.ts'
import { redactInput } from './redact.ts'
import type { Tracing } from './tracing.ts'

/** What is recorded of a tool call: neither its arguments nor its result. */
export interface RecordedCall {
  /** A name of the registry, or `unknown`. */
  tool: string
  /** The tool that makes this call on behalf of the client. */
  via?: string
  caller: Pick<Caller, 'clientName' | 'subject'>
  signal: AbortSignal
  log: FastifyBaseLogger
}

export interface ToolCallRecorder {
  /**
   * Runs a call and records one log line, a count and a span when it has ended. Settles as `work` does; `toOutcome`
   * names the outcome of an error, where `unexpected` is logged as an error.
   */
  record<Result>(
    call: RecordedCall,
    work: () => Promise<Result>,
    toOutcome: (error: unknown) => string,
  ): Promise<Result>
  /** Records a call that was refused before it began. */
  recordRefusal(call: RecordedCall, outcome: 'unknown_tool' | 'not_granted' | 'sentry_lacks_feature'): void
}

export interface ToolCallRecorderOptions {
  metrics: Pick<Metrics, 'recordToolCall'>
  tracing: Tracing
  /** The hash by which the audit log names a user. */
  hashSubject(subject: string): string | undefined
}

interface CallEnd {
  outcome: string
  /** Undefined when the call never began. */
  durationMs?: number
  error?: unknown
}

export function createToolCallRecorder(options: ToolCallRecorderOptions): ToolCallRecorder {
  const { metrics, tracing, hashSubject } = options

  const record: ToolCallRecorder['record'] = (call, work, toOutcome) => {
    const attributes = { 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': call.tool }
    const description = { name: `tools/call ${call.tool}`, kind: 'internal', attributes } as const
    return tracing.trace(description, async (setAttributes) => {
      const startedAt = performance.now()
      const finish = (outcome: string, error?: unknown) => {
        if (outcome !== 'ok') setAttributes({ 'error.type': outcome })
        recordEnd(call, { outcome, durationMs: performance.now() - startedAt, error })
      }
      try {
        const result = await work()
        finish(isErrorResult(result) ? 'tool_error' : 'ok')
        return result
      } catch (error) {
        finish(call.signal.aborted ? 'cancelled' : toOutcome(error), error)
        throw error
      }
    })
  }

  function recordEnd({ tool, via, caller, log }: RecordedCall, end: CallEnd): void {
    const { outcome, durationMs, error } = end
    metrics.recordToolCall({ tool, outcome, durationMs })
    const line = {
      tool,
      via,
      client_name: caller.clientName,
      subject_hash: hashSubject(caller.subject),
      duration_ms: durationMs === undefined ? undefined : Math.round(durationMs),
      outcome,
    }
    if (outcome === 'unexpected') {
      log.error({ ...line, reason: formatCauses(error, 'stack'), [CAUSE]: error }, 'tool call')
    } else if (error === undefined || outcome === 'cancelled') log.info(line, 'tool call')
    else log.info({ ...line, reason: formatCauses(error, 'message') }, 'tool call')
  }

  return { record, recordRefusal: (call, outcome) => recordEnd(call, { outcome }) }
}

/** Whether a result is a tool's own error (`isError` of CallToolResult). */
function isErrorResult(result: unknown): boolean {
  return typeof result === 'object' && result !== null && 'isError' in result && result.isError === true
}

/** An error and its causes, redacted, since they may repeat what was sent to Sentry. */
function formatCauses(error: unknown, detail: 'message' | 'stack', depth = 4): string {
  if (!(error instanceof Error) || depth === 0) return redactInput(String(error))
  const text = redactInput(error[detail] ?? error.message)
  if (error.cause === undefined) return text
  return `${text}; caused by: ${formatCauses(error.cause, detail, depth - 1)}`
}
