import type { Issue, Project } from './data.ts'
import { createAttachments, createEvents, type EventTemplate } from './data-events.ts'
import { createIssue, DAY, frame, fromException, HOUR } from './data-issue.ts'
import { ORDER_TRACE } from './data-trace.ts'

const SDK = { name: 'sentry.javascript.nextjs', version: '10.4.0' }
const CHECKOUT_URL = 'https://tidewater.example/checkout'
const READER_URL = 'https://tidewater.example/reader'

/** A cart that breaks on a book whose offer has ended, and a chunk that a deploy took away. */
export function createStorefrontIssues(project: Project, now: number): Issue[] {
  const missingPrice: EventTemplate = {
    ...fromException('javascript', 'CartSummary(components/cart-summary)', {
      type: 'TypeError',
      value: "Cannot read properties of undefined (reading 'amount')",
      mechanism: 'onerror',
      handled: false,
      frames: [
        frame('node_modules/react-dom/client.js', 'renderWithHooks', 8123, false),
        frame('app/checkout/page.tsx', 'CheckoutPage', 41, true),
        {
          ...frame('components/cart-summary.tsx', 'CartSummary', 27, true),
          column: 31,
          source: {
            from: 24,
            lines: [
              'export function CartSummary({ items }: { items: CartItem[] }) {',
              '  const total = items.reduce((sum, item) => {',
              '    const offer = offers.get(item.bookId)',
              '    return sum + offer.price.amount * item.count',
              '  }, 0)',
              '  return <Total value={total} />',
            ],
          },
          vars: { 'item.bookId': 4471, 'item.count': 2, offer: { title: 'The Tide Tables', price: null } },
        },
      ],
    }),
    sdk: SDK,
    tags: {
      environment: 'production',
      release: 'storefront@2.8.0',
      level: 'error',
      handled: 'no',
      url: CHECKOUT_URL,
    },
    request: { method: 'GET', url: CHECKOUT_URL },
    breadcrumbs: [
      {
        before: 41,
        type: 'navigation',
        category: 'navigation',
        level: 'info',
        message: null,
        data: { from: '/books/4471', to: '/cart' },
      },
      { before: 12, type: 'ui', category: 'ui.click', level: 'info', message: 'button.checkout' },
      {
        before: 3,
        type: 'http',
        category: 'fetch',
        level: 'info',
        message: null,
        data: { method: 'GET', url: '/api/offers', status_code: 200 },
      },
      {
        before: 1,
        type: 'default',
        category: 'console',
        level: 'warning',
        message: 'price of item 4471 is missing, the offer has ended',
      },
    ],
    trace: { traceId: ORDER_TRACE.id, spanId: ORDER_TRACE.spans.checkoutPage },
  }
  const staleChunk: EventTemplate = {
    ...fromException('javascript', 'loadChunk(webpack/runtime)', {
      type: 'ChunkLoadError',
      value: 'Loading chunk reader failed after a deploy',
      mechanism: 'onunhandledrejection',
      handled: false,
      frames: [
        frame('webpack/runtime.js', 'loadChunk', 312, false),
        frame('app/reader/page.tsx', 'openReader', 18, true),
      ],
    }),
    sdk: SDK,
    tags: {
      environment: 'production',
      release: 'storefront@2.7.1',
      level: 'error',
      handled: 'no',
      url: READER_URL,
    },
    request: { method: 'GET', url: READER_URL },
  }

  const events = createEvents(
    'STOREFRONT-1',
    missingPrice,
    [9, 52, 2 * HOUR, 5 * HOUR, 9 * HOUR, 20 * HOUR, DAY],
    now,
  )
  const [newest] = events
  if (newest?.user == null) throw new Error('The newest event has a user.')
  newest.attachments.push(...createAttachments())
  return [
    createIssue(project, '71001', 'STOREFRONT-1', events, {
      priority: 'high',
      substatus: 'escalating',
      reports: [
        {
          id: '87001',
          eventId: newest.id,
          user: newest.user,
          comments: 'I pressed checkout and the page went white.',
          dateCreated: new Date(newest.dateCreated.getTime() + 90_000),
        },
      ],
      diagnosis: {
        cause: 'An offer that has ended has no price, and CartSummary adds it up all the same.',
        whys: [
          'CartSummary reads offer.price.amount without looking whether the offer has a price.',
          'GET /api/offers answers price: null for an offer that has ended.',
          'A cart keeps a book after its offer has ended.',
        ],
        reproduction: [
          'Put a book on offer into the cart.',
          'Wait until the offer has ended.',
          'Open /checkout.',
        ],
        solution: 'Fall back to the list price when an offer has none.',
        steps: [
          {
            title: 'Use the list price',
            description: 'Read offer.price?.amount ?? item.listPrice in CartSummary.',
          },
          {
            title: 'Cover the case',
            description: 'Add a test with an ended offer to cart-summary.test.tsx.',
          },
        ],
        repository: 'tidewater/storefront',
      },
    }),
    createIssue(
      project,
      '71002',
      'STOREFRONT-2',
      createEvents('STOREFRONT-2', staleChunk, [6 * DAY, 7 * DAY], now),
      {
        status: 'resolved',
        priority: 'low',
      },
    ),
  ]
}
