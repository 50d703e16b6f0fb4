/** The lines of a log that call for the operator. */
export function listAlarms(log: readonly string[]): string[] {
  return log.filter((line) => (JSON.parse(line) as { level: number }).level >= 50)
}
