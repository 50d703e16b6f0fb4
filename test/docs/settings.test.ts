import { existsSync, readFileSync } from 'node:fs'
import { test } from 'tap'
import type { Setting } from '../../lib/config/setting.ts'
import { SETTINGS } from '../../lib/config/settings.ts'

const names = Object.keys(SETTINGS)

/** What Compose itself puts into compose.yaml. */
const ofCompose = existsSync(locate('compose.yaml'))
  ? [...read('compose.yaml').matchAll(/\$\{([A-Z][A-Z0-9_]*)/g)].map(([, name = '']) => name)
  : []

test('docs/settings.md has a row for every setting, in the words of lib/config/settings.ts, and for nothing else', async (t) => {
  const rows = read('docs/settings.md').match(/^\| `[A-Z].*$/gm) ?? []
  const expected = Object.entries(SETTINGS).map(([name, setting]) => renderRow(name, setting))
  t.same([...rows].sort(), [...expected].sort())
})

test('the settings of the README are all there are', async (t) => {
  const [, section = ''] = read('README.md').split(/^## Settings$/m)
  const [table = ''] = section.split(/^## /m)
  const cells = [...table.matchAll(/^\| (`[A-Z][^|]*) \|/gm)].map(([, cell = '']) => cell)
  t.same(findNames(cells.join(' ')), [...names].sort())
})

test('.env.example has every setting, and else only what compose.yaml reads out of .env', async (t) => {
  const lines = read('.env.example').match(/^(# )?[A-Z][A-Z0-9_]*=/gm) ?? []
  const given = lines.map((line) => line.replace(/^# |=$/g, ''))
  t.same(
    names.filter((name) => !given.includes(name)),
    [],
    'is there',
  )
  t.same(
    given.filter((name) => !names.includes(name) && !ofCompose.includes(name)),
    [],
    'and nothing else',
  )
  t.equal(new Set(given).size, given.length)
})

test('no document names a setting that there is not', async (t) => {
  // Read by Node, by an OpenTelemetry SDK or by the tests, and not by the service.
  const others = [
    'NODE_EXTRA_CA_CERTS',
    'NODE_USE_ENV_PROXY',
    'NODE_TLS_REJECT_UNAUTHORIZED',
    'TEST_REDIS_URL',
    'OTEL_TRACES_SAMPLER',
    'OTEL_TRACES_SAMPLER_ARG',
    'OTEL_RESOURCE_ATTRIBUTES',
    'OTEL_EXPORTER_OTLP_TIMEOUT',
    'OTEL_EXPORTER_OTLP_COMPRESSION',
    'OTEL_EXPORTER_OTLP_CERTIFICATE',
    'OTEL_BSP_SCHEDULE_DELAY',
  ]
  const known = new Set([
    ...names,
    ...ofCompose,
    ...names.map((name) => `${name}_FILE`),
    'NAME_FILE',
    ...others,
  ])
  for (const file of ['README.md', 'docs/settings.md', 'docs/troubleshooting.md']) {
    const [ours = ''] = read(file).split(/^## Messages of Sentry/m)
    const mentioned = findNames(ours).filter((name) => name.includes('_'))
    t.same(
      mentioned.filter((name) => !known.has(name)),
      [],
      file,
    )
  }
})

/** A row of the table, as docs/settings.md should have it. */
function renderRow(
  name: string,
  { purpose, expected, required, default: fallback }: Setting<unknown>,
): string {
  const cells = [`\`${name}\``, required ? 'required' : renderDefault(fallback), purpose, expected]
  // Two stars in a line would be emphasis.
  return `| ${cells.map((cell) => (cell.startsWith('`') ? cell : cell.replaceAll('*', '\\*'))).join(' | ')} |`
}

function renderDefault(value: unknown): string {
  const text = Array.isArray(value) ? value.join(',') : String(value ?? '')
  return text === '' ? '' : `\`${text}\``
}

function findNames(text: string): string[] {
  return [
    ...new Set([...text.matchAll(/`([A-Z][A-Z0-9_]+)(?:=[^`]*)?`/g)].map(([, name = '']) => name)),
  ].sort()
}

function read(file: string): string {
  return readFileSync(locate(file), 'utf8')
}

function locate(file: string): URL {
  return new URL(`../../${file}`, import.meta.url)
}
