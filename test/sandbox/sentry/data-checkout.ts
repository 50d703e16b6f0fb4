import type { Issue, Project, Team } from './data.ts'
import { createEvents, type EventTemplate } from './data-events.ts'
import { createIssue, DAY, frame, fromException, HOUR } from './data-issue.ts'
import { ORDER_TRACE } from './data-trace.ts'

const SDK = { name: 'sentry.python.fastapi', version: '2.31.0' }

/** A payment provider that responds too late, a repeated query, and an unknown currency. */
export function createCheckoutIssues(project: Project, team: Team, now: number): Issue[] {
  const python = { environment: 'production', release: 'checkout-api@1.14.2', runtime: 'CPython 3.14' }
  const timeout: EventTemplate = {
    ...fromException('python', 'app.payments in charge_card', {
      type: 'PaymentTimeout',
      value: 'payments.example did not answer within 5 s',
      mechanism: 'starlette',
      handled: false,
      frames: [
        frame('starlette/routing.py', 'app', 73, false),
        frame('app/orders.py', 'place_order', 88, true),
        {
          ...frame('app/payments.py', 'charge_card', 54, true),
          source: {
            from: 51,
            lines: [
              'async def charge_card(order: Order, card: CardToken) -> Charge:',
              '    async with client.timeout(5):',
              '        body = {"amount": order.total, "card": card.id}',
              '        return await client.post("/v2/charges", json=body)',
            ],
          },
          vars: { 'order.id': 'ord_58213', 'order.total': 5840, 'card.id': '[Filtered]' },
        },
      ],
    }),
    sdk: SDK,
    tags: { ...python, level: 'error', handled: 'no', transaction: 'POST /orders' },
    request: { method: 'POST', url: 'https://api.tidewater.example/orders' },
    breadcrumbs: [
      {
        before: 5.1,
        type: 'default',
        category: 'query',
        level: 'info',
        message: 'INSERT INTO orders (…) VALUES (…)',
      },
      {
        before: 5,
        type: 'http',
        category: 'httplib',
        level: 'error',
        message: null,
        data: { method: 'POST', url: 'https://payments.example/v2/charges' },
      },
    ],
    trace: { traceId: ORDER_TRACE.id, spanId: ORDER_TRACE.spans.chargeCard },
  }
  const repeatedQuery: EventTemplate = {
    title: 'N+1 Query',
    message: '',
    platform: 'python',
    culprit: 'GET /orders',
    exception: undefined,
    breadcrumbs: [],
    request: { method: 'GET', url: 'https://api.tidewater.example/orders' },
    sdk: SDK,
    tags: { ...python, level: 'info', transaction: 'GET /orders' },
    occurrence: {
      issueTitle: 'N+1 Query',
      subtitle: 'SELECT name FROM books WHERE id = %s',
      type: 1006,
      level: 'info',
      culprit: 'GET /orders',
      evidenceData: {
        op: 'db',
        transactionName: 'GET /orders',
        parentSpan: 'http.server - GET /orders',
        repeatingSpans: ['db - SELECT name FROM books WHERE id = %s'],
        numberRepeatingSpans: '24',
      },
      evidenceDisplay: [
        { name: 'Offending Spans', value: 'db - SELECT name FROM books WHERE id = %s', important: true },
        { name: 'Repeated', value: '24 times', important: false },
      ],
    },
  }
  const currency: EventTemplate = {
    ...fromException('python', 'app.prices in parse_currency', {
      type: 'ValueError',
      value: "unknown currency 'XBT'",
      mechanism: 'logging',
      handled: true,
      frames: [frame('app/prices.py', 'parse_currency', 19, true)],
    }),
    sdk: SDK,
    tags: {
      ...python,
      environment: 'staging',
      level: 'warning',
      handled: 'yes',
      transaction: 'POST /prices',
    },
  }

  return [
    createIssue(
      project,
      '72001',
      'CHECKOUT-API-1',
      createEvents('CHECKOUT-API-1', timeout, [9, 35, 80, 3 * HOUR, 2 * DAY], now),
      {
        priority: 'high',
        assignedTo: { type: 'team', id: team.id, name: team.slug },
        diagnosis: {
          cause:
            'The order waits inside its database transaction for a payment provider that answers too late.',
          whys: [
            'charge_card gives up after 5 s and nothing repeats it.',
            'The provider needs more than 5 s for cards that ask for a second factor.',
          ],
          reproduction: ['Order with a card that asks for a second factor.'],
          solution: 'Charge in the background and confirm the order when the provider calls back.',
          steps: [
            {
              title: 'Queue the charge',
              description: 'Answer 202 from POST /orders and charge from a worker.',
            },
          ],
          repository: 'tidewater/checkout-api',
        },
      },
    ),
    createIssue(
      project,
      '72002',
      'CHECKOUT-API-2',
      createEvents('CHECKOUT-API-2', repeatedQuery, [40, 6 * HOUR, 30 * HOUR], now),
      {
        type: 'transaction',
        issueType: 'performance_n_plus_one_db_queries',
        issueCategory: 'performance',
        level: 'info',
        metadata: {
          title: 'N+1 Query',
          value: 'SELECT name FROM books WHERE id = %s',
          location: 'GET /orders',
        },
      },
    ),
    createIssue(
      project,
      '72003',
      'CHECKOUT-API-3',
      createEvents('CHECKOUT-API-3', currency, [11 * DAY], now),
      {
        status: 'resolved',
        level: 'warning',
        priority: 'low',
      },
    ),
  ]
}
