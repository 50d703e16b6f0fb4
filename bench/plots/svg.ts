/** A place for a panel in a figure, in px. */
export interface Box {
  x: number
  y: number
  width: number
  height: number
}

const WIDTH = 760
const MARGIN = 20
const HEAD = 64

/** Class names of the colors of lines and bars. */
export type Color = 'service' | 'sdk' | 'fastmcp' | 'bare'

const STYLE = `
  text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; fill: var(--text) }
  .title { font-size: 16px; font-weight: 600 }
  .head { font-weight: 600 }
  .quiet { fill: var(--quiet); font-size: 12px }
  .back { fill: var(--back) }
  .grid { stroke: var(--grid) }
  .axis { stroke: var(--quiet) }
  .target { stroke: var(--quiet); stroke-dasharray: 5 4 }
  .range { stroke: var(--text); stroke-width: 1.5 }
  .line { fill: none; stroke-width: 2.5; stroke-linejoin: round }
  .service { --own: var(--service) }
  .sdk { --own: var(--sdk) }
  .fastmcp { --own: var(--fastmcp) }
  .bare { --own: var(--bare) }
  .line { stroke: var(--own) }
  .mark { fill: var(--own) }
  svg { --back: #ffffff; --text: #1f2328; --quiet: #59636e; --grid: #e4e8ec;
    --service: #1a66d6; --sdk: #b35900; --fastmcp: #8a3ab9; --bare: #6e7781 }
  @media (prefers-color-scheme: dark) {
    svg { --back: #0d1117; --text: #e6edf3; --quiet: #9aa4af; --grid: #262c34;
      --service: #58a6ff; --sdk: #f0883e; --fastmcp: #c78df2; --bare: #8b949e }
  }`

/** A whole figure: its title, a sentence about it, and what is drawn below them in `height` px. */
export function drawFigure(
  { title, subtitle, height }: { title: string; subtitle: string; height: number },
  draw: (box: Box) => string,
): string {
  const total = HEAD + height + MARGIN
  const box = { x: MARGIN, y: HEAD, width: WIDTH - 2 * MARGIN, height }
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${total}" width="${WIDTH}" height="${total}" role="img" aria-label="${escapeXml(title)}">`,
    `<style>${STYLE}\n</style>`,
    `<rect class="back" width="${WIDTH}" height="${total}" rx="8"/>`,
    drawText(title, MARGIN, 28, { name: 'title' }),
    drawText(subtitle, MARGIN, 48, { name: 'quiet' }),
    draw(box),
    '</svg>',
  ]
  return `${lines.join('\n')}\n`
}

/** Panels beside one another. */
export function splitBox(box: Box, count: number, gap: number): Box[] {
  const width = (box.width - gap * (count - 1)) / count
  return Array.from({ length: count }, (_, index) => ({ ...box, x: box.x + index * (width + gap), width }))
}

export function drawText(
  text: string,
  x: number,
  y: number,
  { name = '', anchor = 'start' }: { name?: string; anchor?: 'start' | 'middle' | 'end' } = {},
): string {
  return `<text${name && ` class="${name}"`} x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escapeXml(text)}</text>`
}

export function drawLine(name: string, from: [number, number], to: [number, number]): string {
  const [x1, y1, x2, y2] = [...from, ...to].map(round)
  return `<line class="${name}" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"/>`
}

export function round(value: number): number {
  return Math.round(value * 10) / 10
}

/** A number with three digits at most that matter. */
export function formatNumber(value: number): string {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2
  return value.toLocaleString('en', { maximumFractionDigits: digits })
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
