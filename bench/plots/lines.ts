import { type Box, type Color, drawLine, drawText, formatNumber, round } from './svg.ts'

export interface Line {
  label: string
  color: Color
  points: readonly (readonly [x: number, y: number])[]
}

export interface LinePanel {
  title: string
  xTitle: string
  lines: readonly Line[]
  /** Where the x axis has its numbers. */
  xTicks: readonly number[]
  /** Whether the distance between 1 and 10 is that between 10 and 100. */
  isLogarithmic: { x: boolean; y: boolean }
  /** The greatest value of the y axis; by default that of the lines. */
  yMax?: number
  yMin?: number
  /** Horizontal lines with their names. */
  targets?: readonly { label: string; value: number }[]
}

const LEFT = 44
const TOP = 30
const BOTTOM = 42
const LABEL_GAP = 15

/** Lines over a grid, each with its name at its end. */
export function drawLinePanel(panel: LinePanel, box: Box, labelWidth = 92): string {
  const { title, xTitle, lines, xTicks, isLogarithmic, targets = [] } = panel
  const area = {
    x: box.x + LEFT,
    y: box.y + TOP,
    width: box.width - LEFT - labelWidth,
    height: box.height - TOP - BOTTOM,
  }
  const values = [
    ...lines.flatMap(({ points }) => points.map(([, y]) => y)),
    ...targets.map(({ value }) => value),
  ]
  const yTicks = isLogarithmic.y
    ? listPowers(panel.yMin ?? Math.min(...values), panel.yMax ?? Math.max(...values))
    : listSteps(panel.yMax ?? Math.max(...values))
  const bottom = area.y + area.height
  const right = area.x + area.width
  const x = createScale(xTicks[0] ?? 0, xTicks.at(-1) ?? 1, [area.x, right], isLogarithmic.x)
  const y = createScale(yTicks[0] ?? 0, yTicks.at(-1) ?? 1, [bottom, area.y], isLogarithmic.y)

  const grid = yTicks.flatMap((tick) => [
    drawLine('grid', [area.x, y(tick)], [right, y(tick)]),
    drawText(formatTick(tick), area.x - 8, y(tick) + 4, { name: 'quiet', anchor: 'end' }),
  ])
  const axis = xTicks.flatMap((tick) => [
    drawLine('axis', [x(tick), bottom], [x(tick), bottom + 4]),
    drawText(formatTick(tick), x(tick), bottom + 18, { name: 'quiet', anchor: 'middle' }),
  ])
  const goals = targets.flatMap(({ label, value }) => [
    drawLine('target', [area.x, y(value)], [right, y(value)]),
    drawText(label, right + 8, y(value) + 4, { name: 'quiet' }),
  ])
  const curves = lines.flatMap(({ color, points }) => [
    `<polyline class="line ${color}" points="${points.map(([px, py]) => `${round(x(px))},${round(y(py))}`).join(' ')}"/>`,
    ...points.map(
      ([px, py]) => `<circle class="mark ${color}" cx="${round(x(px))}" cy="${round(y(py))}" r="3"/>`,
    ),
  ])
  return [
    drawText(title, box.x, box.y + 14, { name: 'head' }),
    ...grid,
    drawLine('axis', [area.x, bottom], [right, bottom]),
    ...axis,
    drawText(xTitle, (area.x + right) / 2, bottom + 36, { name: 'quiet', anchor: 'middle' }),
    ...goals,
    ...curves,
    ...drawLabels(lines, right + 8, y),
  ].join('\n')
}

/** The names of lines beside their last points, and never on one another. */
function drawLabels(lines: readonly Line[], left: number, y: (value: number) => number): string[] {
  const ends = lines
    .map(({ label, color, points }) => ({ label, color, top: y(points.at(-1)?.[1] ?? 0) + 4 }))
    .sort((one, other) => one.top - other.top)
  return ends.map(({ label, color }, index) => {
    const above = ends[index - 1]
    const end = ends[index]
    if (above !== undefined && end !== undefined) end.top = Math.max(end.top, above.top + LABEL_GAP)
    return drawText(label, left, end?.top ?? 0, { name: `mark ${color}` })
  })
}

function createScale(
  from: number,
  to: number,
  [start, end]: readonly [number, number],
  isLogarithmic: boolean,
): (value: number) => number {
  const place = (value: number) => (isLogarithmic ? Math.log10(value) : value)
  return (value) => start + ((place(value) - place(from)) / (place(to) - place(from))) * (end - start)
}

/** Powers of ten around the values. */
function listPowers(least: number, most: number): number[] {
  const first = Math.floor(Math.log10(least))
  const last = Math.ceil(Math.log10(most))
  return Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index))
}

/** From zero in four to eight steps of 1, 2 or 5 and zeros. */
function listSteps(most: number): number[] {
  const rough = most / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([5, 2, 1].find((factor) => factor * power <= rough) ?? 1) * power
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, index) => index * step)
}

function formatTick(value: number): string {
  return value >= 1_000 ? `${formatNumber(value / 1_000)} k` : formatNumber(value)
}
