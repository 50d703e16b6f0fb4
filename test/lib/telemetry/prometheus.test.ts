import { test } from 'tap'
import { createPrometheusMetrics } from '../../../lib/telemetry/prometheus.ts'

const { registry } = createPrometheusMetrics({ version: '0', mcp_core: '0', node: '0' })

test('metrics are named as Prometheus recommends (prometheus.io/docs/practices/naming)', async (t) => {
  const own = (await registry.getMetricsAsJSON()).filter(({ name }) => name.startsWith('sentry_mcp_'))
  t.ok(own.length > 10)
  for (const { name, type, help } of own) {
    t.match(name, /^[a-z]+(_[a-z]+)*$/, name)
    const suffix = { counter: /_total$/, histogram: /_seconds$/, gauge: /_info$/ }[String(type)]
    t.ok(suffix?.test(name), `${name} has the suffix of a ${type}`)
    t.match(help, /^[A-Z].*\.$/, name)
  }
})
