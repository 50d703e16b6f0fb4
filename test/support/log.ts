import { Writable } from 'node:stream'

/** A stream for pino that collects the log's lines. */
export function collectLines(lines: string[]): Writable {
  return new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk))
      done()
    },
  })
}

/** The lines of a log that alert the operator: `error` and `fatal`. */
export function listAlarms(log: readonly string[]): string[] {
  return log.filter((line) => (JSON.parse(line) as { level: number }).level >= 50)
}

/** The lines of the audit log among those of a log. */
export function readAuditLines(lines: readonly string[]): Record<string, unknown>[] {
  return lines.map((line) => JSON.parse(line)).filter(({ audit }) => audit === true)
}

/** The names of the audit events, oldest first. */
export function listEvents(lines: readonly string[]): unknown[] {
  return readAuditLines(lines).map(({ event, reason }) =>
    reason === undefined ? event : `${event}: ${reason}`,
  )
}
