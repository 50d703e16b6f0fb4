import { readFileSync } from 'node:fs'
import { test } from 'tap'
import { parse } from 'yaml'
import { createPrometheusMetrics } from '../../lib/telemetry/prometheus.ts'

interface Metric {
  name: string
  help: string
  /** `counter`, `gauge`, `histogram` */
  kind: string
  labels: string[]
}

interface Alert {
  alert: string
  expr: string
  labels: { severity: string }
  annotations: { summary: string; runbook_url: string }
}

interface Panel {
  type: string
  title: string
  targets?: { expr: string }[]
}

const { registry } = createPrometheusMetrics({ version: '0', mcp_core: '0', node: '0' })
const metrics = registry.getMetricsAsArray().map((metric): Metric => {
  const { name, help, labelNames = [] } = metric as unknown as Metric & { labelNames?: string[] }
  return { name, help, kind: metric.constructor.name.toLowerCase(), labels: labelNames }
})
const own = metrics.filter(({ name }) => name.startsWith('sentry_mcp_'))
const alerts: Alert[] = parse(read('deploy/prometheus/alerts.yaml')).groups[0].rules
const dashboard: { panels: Panel[] } = JSON.parse(read('deploy/grafana/sentry-mcp.json'))
const operations = read('docs/operations.md')

test('docs/operations.md has exactly one row for each metric, with its help text', async (t) => {
  const rows = operations.match(/^\| `sentry_mcp_.*$/gm) ?? []
  const expected = own.map(({ name, kind, labels, help }) => {
    const named = labels.map((label) => `\`${label}\``).join(', ')
    return `| \`${name}\` | ${kind} | ${named} | ${help} |`
  })
  t.ok(rows.length > 10)
  t.same(rows.toSorted(), expected.toSorted())
})

test('every alert queries metrics that exist, and links to a section of docs/runbooks.md', async (t) => {
  t.ok(alerts.length > 5)
  for (const { alert, expr, labels, annotations } of alerts) {
    assertKnown(t, expr, alert)
    t.match(labels.severity, /^(critical|warning|info)$/, alert)
    t.ok(annotations.summary.endsWith('.'), alert)
  }
  const sections = read('docs/runbooks.md').split(/^## /m).slice(1)
  t.same(
    sections.map((section) => section.split('\n')[0]),
    alerts.map(({ alert }) => alert),
    'a section each, in the same order',
  )
  for (const section of sections) t.match(section, /\*\*Look at\*\*: .*\*\*Do\*\*: /s)
  for (const { alert, annotations } of alerts)
    t.equal(
      annotations.runbook_url,
      `docs/runbooks.md#${alert.toLowerCase()}`,
      "GitHub's anchor of the heading",
    )
})

test('the dashboard queries metrics that exist, and shows all of them', async (t) => {
  const queries = dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ title, expr })),
  )
  for (const { title, expr } of queries) assertKnown(t, expr, title)
  const shown = new Set(queries.flatMap(({ expr }) => readNames(expr).map(findMetric)))
  t.same(
    own.filter((metric) => !shown.has(metric)).map(({ name }) => name),
    [],
    'every metric is shown',
  )
})

function assertKnown(t: { ok(value: unknown, message: string): void }, expr: string, title: string): void {
  const names = readNames(expr)
  t.ok(names.length > 0, `${title} queries a metric`)
  for (const name of names) t.ok(findMetric(name), `${title}: ${name}`)
  const known = names.flatMap((name) => findMetric(name)?.labels ?? [])
  for (const label of readLabels(expr))
    t.ok([...known, ...PROMETHEUS_LABELS].includes(label), `${title}: ${label}`)
}

/** Whether a target could be scraped. */
const OF_PROMETHEUS: Metric = { name: 'up', help: '', kind: 'gauge', labels: ['job', 'instance'] }

/** Labels that Prometheus adds. */
const PROMETHEUS_LABELS = ['instance', 'job', 'le']

function readNames(expr: string): string[] {
  return expr.match(/\b(?:(?:sentry_mcp|process|nodejs)_\w+|up(?=\{))/g) ?? []
}

function readLabels(expr: string): string[] {
  const matched = [...expr.matchAll(/(\w+)\s*(?:=~|!=|!~|=)\s*"/g)].map(([, label = '']) => label)
  const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/))
  return [...matched, ...grouped]
}

function findMetric(name: string): Metric | undefined {
  if (name === 'up') return OF_PROMETHEUS
  const base = name.replace(/_(bucket|count|sum)$/, '')
  return metrics.find((metric) => metric.name === (metric.kind === 'histogram' ? base : name))
}

function read(file: string): string {
  return readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
}
