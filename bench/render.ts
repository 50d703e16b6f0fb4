import { readFileSync, writeFileSync } from 'node:fs'
import { CONTENDERS, drawFigures } from './plots/figures.ts'
import { formatTable } from './report.ts'
import { type ContenderName, type Results, readMachine } from './results.ts'
import { describeTarget, listTargets } from './targets.ts'

const FIGURES = new URL('./results/', import.meta.url)
const DOCUMENT = new URL('../docs/performance.md', import.meta.url)

/** Draws the figures, and writes the tables of docs/performance.md between their marks. */
export function renderResults(results: Results): void {
  for (const [name, svg] of Object.entries(drawFigures(results))) writeFileSync(new URL(name, FIGURES), svg)
  const tables = {
    contenders: formatContenders(results.contenders),
    targets: `${formatTable(['', 'measured', 'target', ''], listTargets(results).map(describeTarget))}

Measured with ${readMachine()}.`,
  }
  const document = Object.entries(tables).reduce(replaceTable, readFileSync(DOCUMENT, 'utf8'))
  writeFileSync(DOCUMENT, document)
}

function replaceTable(document: string, [name, table]: [string, string]): string {
  const [begin, end] = [`<!-- ${name}: written by npm run bench -->`, `<!-- end of ${name} -->`]
  const [before, rest] = document.split(begin)
  const after = rest?.split(end)[1]
  if (before === undefined || after === undefined)
    throw new Error(`docs/performance.md has no table between "${begin}" and "${end}".`)
  return `${before}${begin}\n\n${table}\n\n${end}${after}`
}

function formatContenders({ list, whoami, startMs, residentMb }: Results['contenders']): string {
  const names: ContenderName[] = ['bare', 'service', 'sdk', 'fastmcp']
  const rows = names.map((name) => {
    const call = name === 'bare' ? undefined : whoami[name]
    return [
      CONTENDERS[name],
      list[name].rate.toFixed(0),
      list[name].cpuMs.toFixed(2),
      (list[name].rate / list.bare.rate).toFixed(2),
      call?.rate.toFixed(0) ?? '',
      call?.cpuMs.toFixed(2) ?? '',
      `${(startMs[name] / 1_000).toFixed(1)} s`,
      `${residentMb[name].toFixed(0)} MB`,
    ]
  })
  return formatTable(
    [
      '',
      '`tools/list` a second',
      'ms CPU',
      'of bare',
      '`whoami` a second',
      'ms CPU',
      'start',
      'memory, loaded',
    ],
    rows,
  )
}
