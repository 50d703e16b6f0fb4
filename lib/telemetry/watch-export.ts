import type { SpanExporter } from '@opentelemetry/sdk-trace-base'
import { redactSecrets } from './redact.ts'

/** The same exporter; why it fails is told once, until it has worked again or fails otherwise. */
export function watchExport(exporter: SpanExporter, onFailure: (reason: string) => void): SpanExporter {
  let known: string | undefined
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const reason = result.error === undefined ? undefined : redactSecrets(describe(result.error))
        if (reason !== undefined && reason !== known) onFailure(reason)
        known = reason
        done(result)
      })
    },
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    shutdown: () => exporter.shutdown(),
  }
}

/** Node names no address in the message where it has tried several. */
function describe(error: Error & { code?: unknown }): string {
  return error.message || String(error.code ?? error.name)
}
