import { styleText } from 'node:util'
import type { Finding, Status } from './report.ts'

const COLOURS = { ok: 'green', warning: 'yellow', error: 'red', skipped: 'gray' } as const

const WORST_FIRST: readonly Status[] = ['error', 'warning', 'skipped', 'ok']

/** The worst that was found; what was skipped counts for nothing. */
export function findVerdict(findings: readonly Finding[]): 'ok' | 'warning' | 'error' {
  const found = WORST_FIRST.find((status) => findings.some((finding) => finding.status === status))
  return found === 'error' || found === 'warning' ? found : 'ok'
}

/** Findings as aligned lines for a person, in colour where `stream` is a terminal that wants it. */
export function formatFindings(findings: readonly Finding[], stream: NodeJS.WriteStream): string {
  const checkWidth = Math.max(...findings.map(({ check }) => check.length)) + 2
  const statusWidth = 'skipped'.length + 2
  const lines = findings.flatMap(({ check, status, finding, advice }, index) => {
    const name = findings[index - 1]?.check === check ? '' : check
    const word = styleText(COLOURS[status], status.padEnd(statusWidth), { stream })
    const indent = ' '.repeat(checkWidth + statusWidth)
    return [`${name.padEnd(checkWidth)}${word}${finding}`, ...(advice ? [`${indent}→ ${advice}`] : [])]
  })
  return [...lines, '', summarize(findings)].join('\n')
}

function summarize(findings: readonly Finding[]): string {
  const count = (status: Status) => findings.filter((finding) => finding.status === status).length
  return `${countOf(count('error'), 'error')}, ${countOf(count('warning'), 'warning')}, ${count('ok')} ok.`
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
