import { type ApiRequest, type Attempt, isMissingRoute } from './attempt.ts'
import { isBefore } from './release.ts'
import { convertTrace, convertTraceCounts, isSpanTrace, readSpanCount } from './traces.ts'

/** Sends another read to Sentry, with the same token and limits. */
export type Forward = (url: URL) => Promise<Response>

/** A read that works on every release, in place of one that does not. */
export interface Detour {
  name: string
  /** The requests that it can replace; all are reads. */
  path: RegExp
  applies?(request: ApiRequest): boolean
  /** Whether the response shows that the replacement is needed. */
  isNeeded(attempt: Attempt): boolean
  /** The response that mcp-core expects, or an error response of the replacement. */
  take(request: ApiRequest, forward: Forward): Promise<Response>
  /**
   * Whether the next request may skip the vain one; by default always. A response that is right at a new release must
   * not be taken for an old one.
   */
  isLasting?(attempt: Attempt): boolean
  /** What the user has to know about the result. */
  note?(release: string | undefined): string
}

const DETOURS: readonly Detour[] = [
  {
    // Only checks a search before it runs; the search itself refuses what is wrong.
    name: 'search without validation',
    path: /^\/organizations\/[^/]+\/events\/validate\/$/,
    isNeeded: (attempt) => isMissingRoute(attempt) || (attempt.status === 400 && attempt.isEmpty),
    take: async () =>
      Response.json({
        valid: true,
        ...{ projects: [], dataset: [], environment: [], field: [], orderby: [] },
        query: { valid: true, error: null, fields: [] },
      }),
  },
  {
    name: 'counts of a trace by transaction',
    path: /^\/organizations\/[^/]+\/trace-meta\/[^/]+\/$/,
    // From 25.6.0 to 25.7.0 the route counts spans that are not stored.
    isNeeded: (attempt) =>
      isMissingRoute(attempt) ||
      (isBefore(attempt.release, '25.7.0') && (attempt.status >= 500 || readSpanCount(attempt.body) === 0)),
    async take({ url }, forward) {
      const response = await forward(replace(url, '/trace-meta/', '/events-trace-meta/'))
      return convert(response, convertTraceCounts)
    },
  },
  {
    name: 'trace by transaction',
    path: /^\/organizations\/[^/]+\/trace\/[^/]+\/$/,
    isNeeded: (attempt) => isMissingRoute(attempt) || (attempt.status === 200 && !isSpanTrace(attempt.body)),
    async take({ url }, forward) {
      return convert(await forward(replace(url, '/trace/', '/events-trace/')), convertTrace)
    },
    note: (release) =>
      `This Sentry${release === undefined ? '' : ` (${release})`} shows the transactions of a trace, but not its spans, which came with 26.4.0.`,
  },
  {
    name: 'conversations under their former name',
    path: /^\/organizations\/[^/]+\/agents\/conversations\/([^/]+\/)?$/,
    isNeeded: isMissingRoute,
    async take({ url, path }, forward) {
      const response = await forward(replace(url, '/agents/conversations/', '/ai-conversations/'))
      const id = /\/conversations\/([^/]+)\/$/.exec(path)?.[1]
      return convert(response, (body) =>
        id === undefined ? completeConversations(body) : wrapConversation(body, decodeURIComponent(id)),
      )
    },
  },
  {
    // Self-hosted keeps issue alert rules as workflows since 26.7.0; before, the route has none or other ones.
    name: 'issue alert rules of a project',
    path: /^\/organizations\/[^/]+\/workflows\/$/,
    applies: ({ url }) => url.searchParams.has('projectSlug'),
    isNeeded: (attempt) => isMissingRoute(attempt) || (attempt.status === 200 && lacksRules(attempt)),
    async take({ url, organization }, forward) {
      const { searchParams: asked } = url
      const [id, name] = [asked.get('id'), readWantedName(asked.get('query'))]
      const project = encodeURIComponent(asked.get('projectSlug') ?? '')
      const target = new URL(
        `/api/0/projects/${organization}/${project}/rules/${id === null ? '' : `${encodeURIComponent(id)}/`}`,
        url,
      )
      for (const parameter of ['per_page', 'cursor']) {
        const value = asked.get(parameter)
        if (id === null && value !== null) target.searchParams.set(parameter, value)
      }
      return convert(await forward(target), (body) => listRules(body, name))
    },
    isLasting: (attempt) => isMissingRoute(attempt) || isBefore(attempt.release, '26.7.0'),
  },
  {
    name: 'attributes by type',
    path: /^\/organizations\/[^/]+\/trace-items\/attributes\/$/,
    applies: ({ url }) => !url.searchParams.has('attributeType'),
    isNeeded: ({ status, body }) => status === 400 && isRecord(body) && 'attributeType' in body,
    async take({ url }, forward) {
      const types = ['string', 'number']
      const responses = await Promise.all(
        types.map((type) => forward(withParameter(url, 'attributeType', type))),
      )
      const refused = responses.find(({ ok }) => !ok)
      if (refused !== undefined) return refused
      const lists = await Promise.all(responses.map((response) => response.json()))
      return Response.json(lists.flatMap((list, index) => completeAttributes(list, types[index] ?? '')))
    },
  },
  {
    name: 'issues by date',
    path: /^\/organizations\/[^/]+\/issues\/$/,
    applies: ({ url }) => url.searchParams.get('sort') === 'recommended',
    isNeeded: ({ status, release }) => [400, 500].includes(status) && !isAtLeast(release, '26.5.0'),
    take: ({ url }, forward) => forward(withParameter(url, 'sort', 'date')),
    isLasting: ({ release }) => isBefore(release, '26.5.0'),
    note: (release) =>
      `This Sentry${release === undefined ? '' : ` (${release})`} cannot sort issues by recommendation, which came with 26.5.0. These are sorted by date.`,
  },
]

/** The detour for a request, if there is one. */
export function findDetour(request: ApiRequest): Detour | undefined {
  if (request.method !== 'GET') return undefined
  return DETOURS.find(({ path, applies }) => path.test(request.path) && applies?.(request) !== false)
}

function isAtLeast(release: string | undefined, first: string): boolean {
  return release !== undefined && !isBefore(release, first)
}

/** The same URL with a part of its path replaced. */
function replace(url: URL, part: string, other: string): URL {
  const target = new URL(url)
  target.pathname = url.pathname.replace(part, other)
  return target
}

function withParameter(url: URL, name: string, value: string): URL {
  const target = new URL(url)
  target.searchParams.set(name, value)
  return target
}

/** Converts the body of a success and keeps `Link`, which has the next page. An error stays as it is. */
async function convert(response: Response, convertBody: (body: unknown) => unknown): Promise<Response> {
  if (!response.ok) return response
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => undefined)
  const link = response.headers.get('link')
  return Response.json(convertBody(body), { headers: link === null ? {} : { link } })
}

/** No rule, or none that is attached to what it watches; of those, mcp-core says that there are no rules. */
function lacksRules({ body, release }: Attempt): boolean {
  if (isBefore(release, '26.7.0')) return true
  if (!Array.isArray(body)) return false
  // A project without rules, or a search that finds none.
  if (body.length === 0 && isAtLeast(release, '26.7.0')) return false
  return body.every(({ detectorIds }) => !Array.isArray(detectorIds) || detectorIds.length === 0)
}

function listRules(body: unknown, name: string | undefined): unknown[] {
  const rules = (Array.isArray(body) ? body : [body]).filter(isRecord)
  return rules
    .filter((rule) => name === undefined || String(rule.name).toLowerCase().includes(name))
    .map((rule) => ({ ...rule, detectorIds: ['rule'] }))
}

/** The name in a search such as `name:"*checkout*"`, in lower case. */
function readWantedName(query: string | null): string | undefined {
  const pattern = /^name:(.*)$/s.exec(query?.trim() ?? '')?.[1]
  if (pattern === undefined) return query?.trim().toLowerCase() || undefined
  return pattern
    .replace(/^"(.*)"$/s, '$1')
    .replaceAll(/\\(.)/gs, '$1')
    .replace(/^\*/, '')
    .replace(/\*$/, '')
    .toLowerCase()
}

/** Before 26.8.0 a conversation had no title, and nothing about its tools, its user and its messages. */
function completeConversations(body: unknown): unknown {
  if (!Array.isArray(body)) return body
  const missing = {
    title: null,
    toolErrors: 0,
    toolNames: [],
    user: null,
    firstInput: null,
    lastOutput: null,
  }
  return body.map((conversation) => ({ ...missing, ...conversation }))
}

function wrapConversation(body: unknown, conversationId: string): unknown {
  return Array.isArray(body) ? { conversationId, title: null, spans: body } : body
}

function completeAttributes(list: unknown, attributeType: string): unknown[] {
  const source = { attributeType, attributeSource: { source_type: 'user' } }
  return Array.isArray(list) ? list.map((attribute) => ({ ...source, ...attribute })) : []
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
