/** A line that a program printed, and when, from its start. */
export interface TimedLine {
  text: string
  atMs: number
}

const COLORS = {
  light: {
    back: '#f6f8fa',
    edge: '#d0d7de',
    text: '#1f2328',
    dim: '#59636e',
    good: '#1a7f37',
    link: '#0969da',
  },
  dark: {
    back: '#151b23',
    edge: '#3d444d',
    text: '#f0f6fc',
    dim: '#9198a1',
    good: '#3fb950',
    link: '#4493f8',
  },
}

const COLUMNS = 98
const ROWS = 30
const FONT_SIZE = 13
const LINE_HEIGHT = 19
const MARGIN = 18
const WIDTH = Math.ceil(COLUMNS * FONT_SIZE * 0.602) + 2 * MARGIN
const HEIGHT = ROWS * LINE_HEIGHT + 2 * MARGIN

/** A pause longer than this is shortened: a slow machine makes no better recording. */
const MAX_PAUSE_MS = 400

/** A reader needs a moment for each line, also where the program printed many at once. */
const MIN_PAUSE_MS = 90

/**
 * An SVG that plays the lines once, as a terminal that scrolls. Where the reader wants no motion it shows the end.
 */
export function renderRecording(lines: readonly TimedLine[], theme: 'light' | 'dark'): string {
  const color = COLORS[theme]
  const times = pace(lines)
  const endMs = times.at(-1) ?? 0
  const seconds = (ms: number) => `${(ms / 1000).toFixed(2)}s`
  const rows = lines.map(({ text }, index) => {
    const y = (index + 1) * LINE_HEIGHT - 5
    const delay = seconds(times[index] ?? 0)
    return `<text y="${y}" style="animation-delay:${delay}">${markUp(text)}</text>`
  })
  const scrolls = times.flatMap((atMs, index) => {
    const hidden = index + 1 - ROWS
    const percent = ((atMs / endMs) * 100).toFixed(2)
    return hidden > 0 ? [`${percent}%{transform:translateY(${-hidden * LINE_HEIGHT}px)}`] : []
  })
  const last = -Math.max(lines.length - ROWS, 0) * LINE_HEIGHT
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img">
<title>npm run demo: it checks every step of a sign-in, calls tools, and prints a line for each sign-in and call</title>
<style>
text{font:${FONT_SIZE}px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre;fill:${color.text};animation:appear 1ms both}
.d{fill:${color.dim}}.g{fill:${color.good}}.l{fill:${color.link}}.b{font-weight:bold}
.scroll{transform:translateY(${last}px);animation:scroll ${seconds(endMs)} step-end both}
@keyframes appear{from{opacity:0}}
@keyframes scroll{0%{transform:none}${scrolls.join('')}}
@media (prefers-reduced-motion:reduce){text,.scroll{animation:none}}
</style>
<rect x=".5" y=".5" width="${WIDTH - 1}" height="${HEIGHT - 1}" rx="10" fill="${color.back}" stroke="${color.edge}"/>
<clipPath id="screen"><rect width="${WIDTH - 2 * MARGIN}" height="${ROWS * LINE_HEIGHT}"/></clipPath>
<g transform="translate(${MARGIN} ${MARGIN})" clip-path="url(#screen)"><g class="scroll">
${rows.join('\n')}
</g></g>
</svg>
`
}

/** When each line is shown, in milliseconds. */
function pace(lines: readonly TimedLine[]): number[] {
  let atMs = 0
  return lines.map((line, index) => {
    const pauseMs = line.atMs - (lines[index - 1]?.atMs ?? line.atMs)
    if (index > 0) atMs += Math.min(Math.max(pauseMs, MIN_PAUSE_MS), MAX_PAUSE_MS)
    return atMs
  })
}

/** Classes of the style sheet for the codes that the demo's colours begin with. */
const CLASSES: Record<string, string> = { 1: 'b', 2: 'd', 32: 'g', 36: 'l' }

/** The line with its colours, cut off where the terminal ends. */
function markUp(line: string): string {
  let left = COLUMNS
  return line
    .split('\u001b[')
    .map((part, index) => {
      const [, code = '', rest = ''] = index === 0 ? ['', '', part] : (/^(\d+)m(.*)$/.exec(part) ?? [])
      const text = rest.length > left ? `${rest.slice(0, Math.max(left - 1, 0))}…` : rest
      left = Math.max(left - rest.length, 0)
      const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
      const name = CLASSES[code]
      return name === undefined ? escaped : `<tspan class="${name}">${escaped}</tspan>`
    })
    .join('')
}
