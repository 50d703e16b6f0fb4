import type { LoadResult } from './load.ts'
import { median } from './report.ts'

/** The results of rounds: medians, and between what their figures lay. */
export interface Series extends LoadResult {
  range: { rate: Range; cpuMs: Range }
}

type Range = readonly [least: number, most: number]

/**
 * Runs measurements in turns, round after round, so that other work on the machine affects all of them alike. Returns
 * what each showed, by its name.
 */
export async function alternate<Name extends string>(
  rounds: number,
  measurements: Record<Name, () => Promise<LoadResult>>,
): Promise<Record<Name, Series>> {
  const names = Object.keys(measurements) as Name[]
  const results = new Map<Name, LoadResult[]>(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) results.get(name)?.push(await measurements[name]())
  }
  const entries = names.map((name) => [name, summarize(results.get(name) ?? [])] as const)
  return Object.fromEntries(entries) as Record<Name, Series>
}

function summarize(results: readonly LoadResult[]): Series {
  const middle = (figure: keyof LoadResult) => median(results.map((result) => result[figure]))
  const range = (figure: keyof LoadResult): Range => {
    const values = results.map((result) => result[figure])
    return [Math.min(...values), Math.max(...values)]
  }
  return {
    rate: middle('rate'),
    cpuMs: middle('cpuMs'),
    p50: middle('p50'),
    p99: middle('p99'),
    range: { rate: range('rate'), cpuMs: range('cpuMs') },
  }
}
