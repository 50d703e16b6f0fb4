import type { ContenderName, Results } from '../results.ts'
import type { Series } from '../rounds.ts'
import { type Bar, type BarPanel, drawBarPanels, measureBarPanels } from './bars.ts'
import { drawLinePanel, type Line } from './lines.ts'
import { drawFigure, splitBox } from './svg.ts'

export const CONTENDERS: Record<ContenderName, string> = {
  bare: 'bare Fastify',
  service: 'this service',
  sdk: 'MCP SDK',
  fastmcp: 'FastMCP',
}

/** The figures of docs/performance.md, by their file names. */
export function drawFigures(results: Results): Record<string, string> {
  return {
    'throughput.svg': drawThroughput(results),
    'cpu.svg': drawCpu(results),
    'latency.svg': drawLatency(results),
    'memory.svg': drawMemory(results),
    'grants.svg': drawGrants(results),
  }
}

function drawThroughput({ contenders: { list, whoami } }: Results): string {
  const panels = [
    { title: 'tools/list', bars: listBars(list, 'rate') },
    { title: 'tools/call, whoami', bars: listBars(whoami, 'rate') },
  ]
  return drawBars(
    {
      title: 'Requests a second',
      subtitle:
        'One core, 16 requests at a time. Bars are medians, thin lines the range of the rounds. More is better.',
    },
    panels,
  )
}

function drawCpu({ contenders: { list, whoami }, methods: { cpuMs } }: Results): string {
  const own = (label: string, value: number, target: number): Bar => ({
    label,
    color: 'service',
    value,
    target,
  })
  const panels = [
    { title: 'tools/list', bars: listBars(list, 'cpuMs') },
    { title: 'tools/call, whoami', bars: listBars(whoami, 'cpuMs') },
    {
      title: 'Other requests to this service',
      bars: [
        own('initialize', cpuMs.initialize, 0.2),
        own('ping', cpuMs.ping, 0.2),
        own('notifications/initialized', cpuMs.notification, 0.2),
        own('request without a token', cpuMs.refused, 0.3),
        own('refresh of a token', cpuMs.refresh, 0.8),
      ],
    },
  ]
  return drawBars(
    {
      title: 'CPU time of a request, ms',
      subtitle: 'Of the server process alone, as the system counts it. Less is better.',
    },
    panels,
  )
}

function drawBars(head: { title: string; subtitle: string }, panels: readonly BarPanel[]): string {
  return drawFigure({ ...head, height: measureBarPanels(panels) }, (box) => drawBarPanels(panels, box))
}

/** One bar for each contender, in the same order everywhere. */
function listBars(series: Partial<Record<ContenderName, Series>>, figure: 'rate' | 'cpuMs'): Bar[] {
  return listNames(series).map((name) => {
    const { [figure]: value, range } = series[name] as Series
    return { label: CONTENDERS[name], color: name, value, range: range[figure] }
  })
}

function listNames(series: Partial<Record<ContenderName, unknown>>): ContenderName[] {
  return (Object.keys(CONTENDERS) as ContenderName[]).filter((name) => name in series)
}

function drawLatency({ latency }: Results): string {
  const xTicks = latency.map(({ connections }) => connections)
  const listLines = (figure: 'p50' | 'p99'): Line[] =>
    listNames(latency[0]?.results ?? {}).map((name) => ({
      label: CONTENDERS[name],
      color: name,
      points: latency.map(({ connections, results }) => [
        connections,
        results[name as keyof typeof results][figure],
      ]),
    }))
  const times = [...listLines('p50'), ...listLines('p99')].flatMap(({ points }) => points.map(([, y]) => y))
  const scale = { yMin: Math.min(...times), yMax: Math.max(...times), isLogarithmic: { x: true, y: true } }
  return drawFigure(
    {
      title: 'Time of a tool call over load, ms',
      subtitle: 'whoami on one core, with the stand-in for Sentry on another one. Both axes are logarithmic.',
      height: 270,
    },
    (box) =>
      (['p50', 'p99'] as const)
        .map((figure, index) =>
          drawLinePanel(
            {
              title: { p50: 'Median', p99: '99th percentile' }[figure],
              xTitle: 'calls at a time',
              xTicks,
              lines: listLines(figure),
              ...scale,
            },
            splitBox(box, 2, 16)[index] ?? box,
          ),
        )
        .join('\n'),
  )
}

function drawMemory({ memory }: Results): string {
  const last = memory.at(-1)?.calls ?? 0
  return drawFigure(
    {
      title: 'Resident memory over calls, MB',
      subtitle: 'One new instance that responds to whoami, 64 at a time.',
      height: 270,
    },
    (box) =>
      drawLinePanel(
        {
          title: '',
          xTitle: 'calls',
          xTicks: Array.from({ length: 6 }, (_, part) => (last * part) / 5),
          lines: [
            {
              label: CONTENDERS.service,
              color: 'service',
              points: memory.map(({ calls, residentMb }) => [calls, residentMb]),
            },
          ],
          isLogarithmic: { x: false, y: false },
          targets: [
            { label: 'target, idle', value: 160 },
            { label: 'target, loaded', value: 260 },
          ],
        },
        box,
      ),
  )
}

function drawGrants({ grants, variants }: Results): string {
  const yMax = Math.max(...grants.levels.map(({ cpuMs }) => cpuMs), ...variants.map(({ cpuMs }) => cpuMs))
  const panels = [
    {
      title: 'ping, over stored and used grants',
      xTitle: 'grants',
      points: grants.levels.map(({ grants: count, cpuMs }) => [count, cpuMs] as const),
    },
    {
      title: 'tools/list, over catalogue variants',
      xTitle: 'variants in use',
      points: variants.map(({ variants: count, cpuMs }) => [count, cpuMs] as const),
    },
  ]
  return drawFigure(
    {
      title: 'CPU time of a request over the number of users, ms',
      subtitle: 'A flat line means that a request costs the same however many users there are.',
      height: 250,
    },
    (box) =>
      panels
        .map(({ title, xTitle, points }, index) =>
          drawLinePanel(
            {
              title,
              xTitle,
              xTicks: points.map(([count]) => count),
              lines: [{ label: '', color: 'service', points }],
              isLogarithmic: { x: true, y: false },
              yMax: yMax * 1.15,
            },
            splitBox(box, 2, 24)[index] ?? box,
            16,
          ),
        )
        .join('\n'),
  )
}
