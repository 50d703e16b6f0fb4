import { styleText } from 'node:util'

export type Status = 'ok' | 'warning' | 'error' | 'skipped'

/** The result of one check. Neither sentence contains a secret. */
export interface Finding {
  /** The part that was checked, such as `store`. */
  check: string
  status: Status
  finding: string
  /** What to do; present with `warning` and `error`. */
  advice?: string
}

/** A finding that needs advice, before its status is decided. */
export type Problem = [finding: string, advice: string]

export type Report = ReturnType<typeof createReport>

/** Collects the findings of one part. */
export function createReport(check: string) {
  const findings: Finding[] = []
  const add = (status: Status, finding: string, advice?: string): void => {
    findings.push({ check, status, finding, ...(advice !== undefined && { advice }) })
  }
  return {
    findings,
    ok: (finding: string) => add('ok', finding),
    warning: (finding: string, advice: string) => add('warning', finding, advice),
    error: (finding: string, advice: string) => add('error', finding, advice),
    /** The check could not run. */
    skipped: (finding: string) => add('skipped', finding),
    /** The same finding as `ok` or, with the advice, as `warning`. */
    okIf: (isOk: boolean, finding: string, advice: string) =>
      isOk ? add('ok', finding) : add('warning', finding, advice),
  }
}

const COLOURS = { ok: 'green', warning: 'yellow', error: 'red', skipped: 'gray' } as const

/** The worst status of the findings. `skipped` counts as `ok`. */
export function findWorstStatus(findings: readonly Finding[]): 'ok' | 'warning' | 'error' {
  const worst = (['error', 'warning'] as const).find((status) => countStatus(findings, status) > 0)
  return worst ?? 'ok'
}

/** Findings as aligned lines for a person, in colour where `stream` is a terminal that supports it. */
export function formatFindings(findings: readonly Finding[], stream: NodeJS.WriteStream): string {
  const checkWidth = Math.max(...findings.map(({ check }) => check.length)) + 2
  const statusWidth = 'skipped'.length + 2
  const indent = ' '.repeat(checkWidth + statusWidth)
  const lines = findings.flatMap(({ check, status, finding, advice }, index) => {
    const name = findings[index - 1]?.check === check ? '' : check
    const word = styleText(COLOURS[status], status.padEnd(statusWidth), { stream })
    return [`${name.padEnd(checkWidth)}${word}${finding}`, ...(advice ? [`${indent}→ ${advice}`] : [])]
  })
  const [errors = 0, warnings = 0, ok = 0] = (['error', 'warning', 'ok'] as const).map((status) =>
    countStatus(findings, status),
  )
  const plural = (count: number) => (count === 1 ? '' : 's')
  const summary = `${errors} error${plural(errors)}, ${warnings} warning${plural(warnings)}, ${ok} ok.`
  return [...lines, '', summary].join('\n')
}

function countStatus(findings: readonly Finding[], status: Status): number {
  return findings.filter((finding) => finding.status === status).length
}
