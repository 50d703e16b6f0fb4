/** The lines of the audit log among those of a log. */
export function readAuditLines(lines: readonly string[]): Record<string, unknown>[] {
  return lines.map((line) => JSON.parse(line)).filter(({ audit }) => audit === true)
}

/** The names of the events, oldest first. */
export function listEvents(lines: readonly string[]): unknown[] {
  return readAuditLines(lines).map(({ event, reason }) =>
    reason === undefined ? event : `${event}: ${reason}`,
  )
}
