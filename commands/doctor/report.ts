export type Status = 'ok' | 'warning' | 'error' | 'skipped'

/** One thing that was looked at. Neither sentence ever holds a secret. */
export interface Finding {
  /** What it belongs to, such as `store`. */
  check: string
  status: Status
  /** What is the case. */
  finding: string
  /** What to do about it. */
  advice?: string
}

/** Collects the findings of one check. */
export interface Report {
  readonly findings: Finding[]
  ok(finding: string): void
  warning(finding: string, advice: string): void
  error(finding: string, advice: string): void
  /** It could not be looked at. */
  skipped(finding: string): void
}

export function createReport(check: string): Report {
  const findings: Finding[] = []
  return {
    findings,
    ok: (finding) => findings.push({ check, status: 'ok', finding }),
    warning: (finding, advice) => findings.push({ check, status: 'warning', finding, advice }),
    error: (finding, advice) => findings.push({ check, status: 'error', finding, advice }),
    skipped: (finding) => findings.push({ check, status: 'skipped', finding }),
  }
}
