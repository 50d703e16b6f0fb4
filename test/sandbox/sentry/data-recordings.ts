import type { Project } from './data.ts'
import { ORDER_TRACE } from './data-trace.ts'
import { makeHex } from './sample-id.ts'

/** What SDKs and build jobs record beside errors: replays, profiles, snapshots, conversations with a model. */

export interface Replay {
  id: string
  project: Project
  startedAt: Date
  /** seconds */
  duration: number
  urls: string[]
  /** Issues whose newest event happened in it. */
  shortIds: string[]
  traceIds: string[]
  /** Seconds after the start, and what happened. */
  actions: { at: number; kind: 'page' | 'click' | 'request'; text: string }[]
}

export interface Profile {
  id: string
  /** Set for a continuous profile, which belongs to no transaction. */
  profilerId: string | undefined
  project: Project
  traceId: string
  transaction: string
  startedAt: Date
  /** Functions from the outermost to the innermost. */
  frames: { file: string; name: string; line: number; inApp: boolean }[]
  /** How often each depth was seen. */
  counts: number[]
}

/** Pictures of a user interface that a build compared with those of the build before. */
export interface Snapshot {
  id: string
  project: Project
  appId: string
  branch: string
  baseId: string
  createdAt: Date
  images: SnapshotImage[]
}

export interface SnapshotImage {
  name: string
  status: 'added' | 'changed' | 'unchanged'
  /** Share of pixels that differ; null where there is nothing to compare. */
  difference: number | null
}

export interface Conversation {
  id: string
  project: Project
  title: string
  traceId: string
  startedAt: Date
  model: string
  steps: ConversationStep[]
}

/** A call of a model or of a tool. */
export interface ConversationStep {
  tool: string | undefined
  input: string
  output: string
  tokens: number
  /** seconds */
  took: number
}

const MINUTE = 60_000

/** The session in which the order failed. */
export function createReplays(project: Project, now: number): Replay[] {
  return [
    {
      id: makeHex('replay order'),
      project,
      startedAt: new Date(now - 11 * MINUTE),
      duration: 131,
      urls: [
        'https://tidewater.example/books/4471',
        'https://tidewater.example/cart',
        'https://tidewater.example/checkout',
      ],
      shortIds: ['STOREFRONT-1'],
      traceIds: [ORDER_TRACE.id],
      actions: [
        { at: 0, kind: 'page', text: 'https://tidewater.example/books/4471' },
        { at: 38, kind: 'page', text: 'https://tidewater.example/cart' },
        { at: 108, kind: 'click', text: 'button.checkout' },
        { at: 117, kind: 'request', text: 'POST https://api.tidewater.example/orders' },
      ],
    },
  ]
}

/** One profile of a slow order and a continuous one of the process around it. */
export function createProfiles(project: Project, now: number): Profile[] {
  const shared = {
    project,
    traceId: ORDER_TRACE.id,
    transaction: 'POST /orders',
    startedAt: new Date(now - ORDER_TRACE.age * MINUTE),
    frames: [
      { file: 'starlette/routing.py', name: 'app', line: 73, inApp: false },
      { file: 'app/orders.py', name: 'place_order', line: 88, inApp: true },
      { file: 'app/payments.py', name: 'charge_card', line: 54, inApp: true },
      { file: 'asyncio/selectors.py', name: 'select', line: 468, inApp: false },
    ],
    counts: [3, 7, 12, 78],
  }
  return [
    { ...shared, id: makeHex('profile order'), profilerId: undefined },
    { ...shared, id: makeHex('profile chunk'), profilerId: makeHex('profiler checkout') },
  ]
}

export function createSnapshots(project: Project, now: number): Snapshot[] {
  const images: SnapshotImage[] = [
    { name: 'cart-empty.png', status: 'unchanged', difference: 0 },
    { name: 'cart-with-offer.png', status: 'changed', difference: 0.0312 },
    { name: 'checkout-summary.png', status: 'added', difference: null },
  ]
  const base = images.filter(({ status }) => status !== 'added')
  return [
    {
      id: '36002',
      project,
      appId: 'tidewater.storefront',
      branch: 'cart-discount',
      baseId: '36001',
      createdAt: new Date(now - 3 * 60 * MINUTE),
      images,
    },
    {
      id: '36001',
      project,
      appId: 'tidewater.storefront',
      branch: 'main',
      baseId: '',
      createdAt: new Date(now - 27 * 60 * MINUTE),
      images: base.map((image) => ({ ...image, status: 'unchanged', difference: 0 })),
    },
  ]
}

export function createConversations(project: Project, now: number): Conversation[] {
  return [
    {
      id: 'conv-3f7a',
      project,
      title: 'A book for a sailing beginner',
      traceId: makeHex('trace conversation'),
      startedAt: new Date(now - 50 * MINUTE),
      model: 'shop-assistant-2',
      steps: [
        {
          tool: undefined,
          input: 'Which book explains tides to a beginner?',
          output: 'Let me look at the shelf.',
          tokens: 214,
          took: 1.2,
        },
        {
          tool: 'search_books',
          input: '{"query":"tides beginner"}',
          output: '[{"id":4471,"title":"The Tide Tables"}]',
          tokens: 0,
          took: 0.3,
        },
        {
          tool: undefined,
          input: '[{"id":4471,"title":"The Tide Tables"}]',
          output: 'The Tide Tables starts from the very beginning.',
          tokens: 391,
          took: 2.4,
        },
      ],
    },
  ]
}
