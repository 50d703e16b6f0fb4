import { median } from './report.ts'
import type { Results } from './results.ts'
import { CALLS } from './scenarios/memory.ts'

/** What a figure shall be. */
export interface Target {
  name: string
  measured: number
  unit: '×' | 'ms CPU' | 's' | 'MB' | 'KB'
  /** The most that it may be, or the least. */
  limit: { most: number } | { least: number }
}

/** What counts as the same cost, between measurements of one run. */
const SAME = 1.1

/** The targets of the service, with what was measured. */
export function listTargets(results: Results): Target[] {
  const { contenders, methods, memory, grants, variants, instances, start } = results
  const { list, whoami } = contenders
  const resident = (calls: number) => memory.find((sample) => sample.calls >= calls)?.residentMb ?? Number.NaN
  const last = memory.at(-1)?.residentMb ?? Number.NaN
  return [
    { name: '`whoami`', measured: whoami.service.cpuMs, unit: 'ms CPU', limit: { most: 0.8 } },
    {
      name: '`whoami`, rate beside the MCP SDK',
      measured: whoami.service.rate / whoami.sdk.rate,
      unit: '×',
      limit: { least: 2 },
    },
    {
      name: '`whoami`, rate beside FastMCP with its OAuth proxy',
      measured: whoami.service.rate / whoami.fastmcp.rate,
      unit: '×',
      limit: { least: 2 },
    },
    { name: '`tools/list`', measured: list.service.cpuMs, unit: 'ms CPU', limit: { most: 0.14 } },
    {
      name: '`tools/list`, rate beside bare Fastify',
      measured: list.service.rate / list.bare.rate,
      unit: '×',
      limit: { least: 0.4 },
    },
    { name: '`initialize`', measured: methods.cpuMs.initialize, unit: 'ms CPU', limit: { most: 0.2 } },
    { name: '`ping`', measured: methods.cpuMs.ping, unit: 'ms CPU', limit: { most: 0.2 } },
    { name: '`notifications/*`', measured: methods.cpuMs.notification, unit: 'ms CPU', limit: { most: 0.2 } },
    { name: '401', measured: methods.cpuMs.refused, unit: 'ms CPU', limit: { most: 0.3 } },
    { name: 'Refresh of a token', measured: methods.cpuMs.refresh, unit: 'ms CPU', limit: { most: 0.8 } },
    { name: 'Whole sign-in', measured: methods.cpuMs.signIn, unit: 'ms CPU', limit: { most: 6 } },
    { name: 'Start to first response', measured: median(start.ms) / 1_000, unit: 's', limit: { most: 1.2 } },
    { name: 'Resident memory, idle', measured: resident(0), unit: 'MB', limit: { most: 160 } },
    {
      name: `Resident memory after ${CALLS.toLocaleString('en')} calls`,
      measured: resident(CALLS),
      unit: 'MB',
      limit: { most: 260 },
    },
    {
      name: 'Resident memory, growth after that',
      measured: last / resident(CALLS),
      unit: '×',
      limit: { most: SAME },
    },
    {
      name: 'CPU time of a call, two instances beside one',
      measured: instances.two.cpuMs / instances.one.cpuMs,
      unit: '×',
      limit: { most: SAME },
    },
    {
      name: 'CPU time of a request, 100,000 grants beside 10',
      measured: compareEnds(grants.levels),
      unit: '×',
      limit: { most: SAME },
    },
    {
      name: 'CPU time of a request, 64 catalogue variants beside 1',
      measured: compareEnds(variants),
      unit: '×',
      limit: { most: SAME },
    },
    { name: 'Redis memory of a grant', measured: grants.redisBytes / 1024, unit: 'KB', limit: { most: 2 } },
  ]
}

/** How much more the last level costs than the first. */
function compareEnds(levels: readonly { cpuMs: number }[]): number {
  return (levels.at(-1)?.cpuMs ?? Number.NaN) / (levels[0]?.cpuMs ?? Number.NaN)
}

function isMet({ measured, limit }: Target): boolean {
  return 'most' in limit ? measured <= limit.most : measured >= limit.least
}

/** A target as the row of a table: name, figure, limit, and whether it is met. */
export function describeTarget(target: Target): string[] {
  const { name, measured, unit, limit } = target
  const digits = unit === 'MB' ? 0 : 2
  const bound = `${'most' in limit ? `≤ ${limit.most}` : `≥ ${limit.least}`} ${unit}`
  if (Number.isNaN(measured)) return [name, 'not measured', bound, '']
  return [name, `${measured.toFixed(digits)} ${unit}`, bound, isMet(target) ? 'pass' : 'miss']
}
