import { makeHex } from './sample-id.ts'

export interface Span {
  id: string
  parentId: string | undefined
  traceId: string
  /** The transaction it is a part of, and whether it is that transaction. */
  transaction: string
  isTransaction: boolean
  project: string
  op: string
  description: string
  status: string
  startedAt: Date
  /** ms */
  duration: number
  tags: Record<string, string>
}

export interface LogLine {
  id: string
  project: string
  traceId: string
  spanId: string
  severity: 'info' | 'warn' | 'error'
  message: string
  timestamp: Date
  attributes: Record<string, string | number>
}

export interface Metric {
  id: string
  project: string
  traceId: string
  spanId: string
  name: string
  type: 'counter' | 'gauge' | 'distribution'
  unit: string
  value: number
  timestamp: Date
}

/** One order that fails at the payment provider, across both projects of the bookshop. */
export const ORDER_TRACE = {
  id: makeHex('trace order'),
  /** Spans that errors and logs point to. */
  spans: { checkoutPage: spanId('page'), placeOrder: spanId('order'), chargeCard: spanId('charge') },
  /** How many minutes before the sandbox's start it began. */
  age: 9,
}

const MINUTE = 60_000

interface Step {
  name: string
  parent?: string
  /** ms after the beginning of the trace */
  at: number
  /** ms */
  took: number
  op: string
  description: string
  status?: string
  tags?: Record<string, string>
}

const STOREFRONT_STEPS: Step[] = [
  { name: 'page', at: 0, took: 5840, op: 'pageload', description: '/checkout', status: 'internal_error' },
  {
    name: 'resource',
    parent: 'page',
    at: 20,
    took: 140,
    op: 'resource.script',
    description: '/_next/checkout.js',
  },
  { name: 'render', parent: 'page', at: 180, took: 42, op: 'ui.react.render', description: '<CartSummary>' },
  {
    name: 'fetch',
    parent: 'page',
    at: 300,
    took: 5490,
    op: 'http.client',
    description: 'POST https://api.tidewater.example/orders',
    status: 'internal_error',
    tags: { 'http.method': 'POST', 'http.status_code': '503' },
  },
]

const CHECKOUT_STEPS: Step[] = [
  {
    name: 'order',
    parent: 'fetch',
    at: 340,
    took: 5410,
    op: 'http.server',
    description: 'POST /orders',
    status: 'internal_error',
    tags: { 'http.method': 'POST', 'http.status_code': '503' },
  },
  { name: 'session', parent: 'order', at: 346, took: 6, op: 'cache.get', description: 'session:7f31' },
  {
    name: 'stock',
    parent: 'order',
    at: 356,
    took: 38,
    op: 'db',
    description: 'SELECT id, stock FROM books WHERE id = ANY(%s) FOR UPDATE',
  },
  {
    name: 'insert',
    parent: 'order',
    at: 398,
    took: 21,
    op: 'db',
    description: 'INSERT INTO orders (…) VALUES (…)',
  },
  {
    name: 'charge',
    parent: 'order',
    at: 430,
    took: 5003,
    op: 'http.client',
    description: 'POST https://payments.example/v2/charges',
    status: 'deadline_exceeded',
    tags: { 'http.method': 'POST', timeout: '5' },
  },
  { name: 'rollback', parent: 'order', at: 5440, took: 12, op: 'db', description: 'ROLLBACK', status: 'ok' },
]

/** The spans of the failing order, parents before their children. */
export function createSpans(now: number): Span[] {
  const startedAt = now - ORDER_TRACE.age * MINUTE
  return [
    ...STOREFRONT_STEPS.map((step) => createSpan(step, 'storefront', '/checkout', startedAt)),
    ...CHECKOUT_STEPS.map((step) => createSpan(step, 'checkout-api', 'POST /orders', startedAt)),
  ]
}

export function createLogs(now: number): LogLine[] {
  const startedAt = now - ORDER_TRACE.age * MINUTE
  const lines: [number, LogLine['severity'], string][] = [
    [345, 'info', 'Order received, 3 items, EUR 58.40'],
    [2900, 'warn', 'Payment provider has not answered for 2.5 s'],
    [5434, 'error', 'Charging the card failed, the order is rolled back'],
  ]
  return lines.map(([at, severity, message], index) => ({
    id: makeHex(`log ${index}`),
    project: 'checkout-api',
    traceId: ORDER_TRACE.id,
    spanId: index === 0 ? ORDER_TRACE.spans.placeOrder : ORDER_TRACE.spans.chargeCard,
    severity,
    message,
    timestamp: new Date(startedAt + at),
    attributes: { 'order.items': 3, 'payment.provider': 'payments.example' },
  }))
}

export function createMetrics(now: number): Metric[] {
  const startedAt = now - ORDER_TRACE.age * MINUTE
  const samples: [Metric['name'], Metric['type'], string, number[]][] = [
    ['payment.charge.duration', 'distribution', 'millisecond', [212, 248, 301, 1904, 5003]],
    ['cart.items', 'gauge', 'none', [1, 2, 3, 3, 5]],
  ]
  return samples.flatMap(([name, type, unit, values]) =>
    values.map((value, index) => ({
      id: makeHex(`metric ${name} ${index}`),
      project: 'checkout-api',
      traceId: ORDER_TRACE.id,
      spanId: ORDER_TRACE.spans.chargeCard,
      name,
      type,
      unit,
      value,
      timestamp: new Date(startedAt + index * 1000),
    })),
  )
}

function createSpan(step: Step, project: string, transaction: string, startedAt: number): Span {
  return {
    id: spanId(step.name),
    parentId: step.parent === undefined ? undefined : spanId(step.parent),
    traceId: ORDER_TRACE.id,
    transaction,
    isTransaction: step.description === transaction,
    project,
    op: step.op,
    description: step.description,
    status: step.status ?? 'ok',
    startedAt: new Date(startedAt + step.at),
    duration: step.took,
    tags: { environment: 'production', ...step.tags },
  }
}

function spanId(name: string): string {
  return makeHex(`span ${name}`, 16)
}
