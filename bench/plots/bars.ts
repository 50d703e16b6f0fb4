import { type Box, type Color, drawLine, drawText, formatNumber, round } from './svg.ts'

export interface Bar {
  label: string
  color: Color
  value: number
  /** Between what the rounds lay. */
  range?: readonly [number, number]
  /** What it shall be at most. */
  target?: number
}

export interface BarPanel {
  title: string
  bars: readonly Bar[]
}

const ROW = 26
const BAR = 16
const PANEL_HEAD = 26
const PANEL_GAP = 14
const LABELS = 190
const VALUES = 150

/** The height of panels below one another, in px. */
export function measureBarPanels(panels: readonly BarPanel[]): number {
  const rows = panels.reduce((sum, { bars }) => sum + bars.length, 0)
  return rows * ROW + panels.length * PANEL_HEAD + (panels.length - 1) * PANEL_GAP
}

/** Horizontal bars with their values, and with the range of the rounds as a thin line. Each panel has its own scale. */
export function drawBarPanels(panels: readonly BarPanel[], box: Box): string {
  let top = box.y
  return panels
    .flatMap(({ title, bars }) => {
      const head = drawText(title, box.x, top + 14, { name: 'head' })
      const max = Math.max(
        ...bars.map(({ value, range, target = 0 }) => Math.max(value, range?.[1] ?? 0, target)),
      )
      const scale = (value: number) => box.x + LABELS + (value / max) * (box.width - LABELS - VALUES)
      const rows = bars.map((bar, row) => drawBar(bar, top + PANEL_HEAD + row * ROW, box.x, scale))
      top += PANEL_HEAD + bars.length * ROW + PANEL_GAP
      return [head, ...rows]
    })
    .join('\n')
}

function drawBar(
  { label, color, value, range, target }: Bar,
  y: number,
  left: number,
  scale: (value: number) => number,
): string {
  const middle = y + BAR / 2
  const start = scale(0)
  const end = Math.max(scale(value), scale(range?.[1] ?? 0), scale(target ?? 0))
  const goal = target === undefined ? '' : ` (target ≤ ${formatNumber(target)})`
  return [
    drawText(label, left, middle + 4),
    `<rect class="mark ${color}" x="${round(start)}" y="${round(y)}" width="${round(Math.max(1, scale(value) - start))}" height="${BAR}" rx="2"/>`,
    range && drawLine('range', [scale(range[0]), middle], [scale(range[1]), middle]),
    target !== undefined && drawLine('range', [scale(target), y - 3], [scale(target), y + BAR + 3]),
    drawText(`${formatNumber(value)}${goal}`, end + 8, middle + 4),
  ]
    .filter(Boolean)
    .join('\n')
}
