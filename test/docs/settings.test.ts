import { existsSync, readFileSync } from 'node:fs'
import { test } from 'tap'
import { renderEnvExample, renderReadme, renderRow, renderSettingsPage } from '../../lib/config/documents.ts'
import { SETTINGS } from '../../lib/config/settings.ts'

const names = Object.keys(SETTINGS)

/** The variables that compose.yaml reads out of .env. */
const ofCompose = existsSync(locate('compose.yaml'))
  ? [...read('compose.yaml').matchAll(/\$\{([A-Z][A-Z0-9_]*)/g)].map(([, name = '']) => name)
  : []

test('docs/settings.md and .env.example are what npm run docs:settings writes', async (t) => {
  const page = read('docs/settings.md')
  t.equal(page, renderSettingsPage(page))
  t.equal(read('.env.example'), renderEnvExample())
})

test('docs/settings.md has one row for every setting, and .env.example one line', async (t) => {
  const findRows = (text: string, row: RegExp) => [...text.matchAll(row)].map(([, name = '']) => name).sort()
  t.same(findRows(read('docs/settings.md'), /^\| `([A-Z][A-Z0-9_]+)` \|/gm), [...names].sort())
  const lines = findRows(read('.env.example'), /^(?:# )?([A-Z][A-Z0-9_]*)=/gm)
  t.same(
    lines.filter((name) => !ofCompose.includes(name) || names.includes(name)),
    [...names].sort(),
  )
})

test('the tables of the page are replaced, and its other text is kept', async (t) => {
  const page = read('docs/settings.md')
  const outdated = page.replace(/^\| `PORT` .*\n/m, '| `GONE` | | | |\n')
  t.not(outdated, page)
  t.equal(renderSettingsPage(outdated), page)
  t.throws(() => renderSettingsPage(page.replace('## Storage', '## State')), /no heading for Storage/)
})

test('the README has the required settings, and each of its rows is the generated one', async (t) => {
  const readme = read('README.md')
  const required = Object.entries(SETTINGS).filter(([, setting]) => setting.required)
  t.equal(required.length, 6)
  for (const [name, setting] of required) t.ok(readme.includes(`\n${renderRow(name, setting)}\n`), name)
  t.equal(readme, renderReadme(readme))
})

test('documents name only settings that exist', async (t) => {
  // These are read by Node, by the OpenTelemetry SDK or by the tests, and not by the service.
  const others = [
    'NODE_EXTRA_CA_CERTS',
    'NODE_USE_ENV_PROXY',
    'NODE_TLS_REJECT_UNAUTHORIZED',
    'TEST_REDIS_URL',
    // Of the operator, for the doctor.
    'SENTRY_AUTH_TOKEN',
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
