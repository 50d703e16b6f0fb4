import Fastify from 'fastify'
import type { McpCore } from '../../lib/mcp/core/types.ts'
import { callTool } from '../../lib/mcp/tools/call.ts'
import { createToolCatalogue } from '../../lib/mcp/tools/catalogue.ts'
import { createToolPolicy } from '../../lib/mcp/tools/policy.ts'
import { createUseSentryTool, USE_SENTRY } from '../../lib/mcp/tools/use-sentry.ts'
import { createProgress } from '../../lib/mcp/transport/progress.ts'
import { ACTIVE_SKILLS } from '../../lib/model/skills.ts'
import type { ToolCallRecorder } from '../../lib/telemetry/tool-calls.ts'
import { SignInRequiredError } from '../../lib/upstream/access.ts'
import { createUpstreamBudget } from '../../lib/upstream/budget.ts'
import { type Compatibility, createCompatibility } from '../../lib/upstream/compatibility/compatibility.ts'
import type { SentryLocation } from '../../lib/upstream/location.ts'
import { DEFAULT_TIMEOUTS } from '../../lib/upstream/tool-call.ts'

/** Every scope that a tool asks for; Sentry itself decides about the token. */
const SCOPES = ['org:read', 'project:write', 'team:write', 'event:write']

/** How a tool fares at a Sentry. Nothing in it is data of that Sentry. */
export interface ToolRun {
  tool: string
  /** `lacks`: this Sentry does not have what it needs. `hidden`: therefore the tool is not offered. */
  outcome: 'works' | 'detour' | 'lacks' | 'fails' | 'hidden'
  /** The names of the detours that were taken. */
  detours: string[]
  requests: { method: string; route: string; status: number }[]
  /** The fields that mcp-core requires and the responses lack, as paths. */
  missingFields: string[]
  /** What it says to a user where Sentry lacks something. */
  sentence?: string
  /** The kind of another failure, as metrics name it. */
  failure?: string
}

export interface ToolRunnerOptions {
  core: McpCore
  sentry: SentryLocation
  /** Of a user, at Sentry. */
  accessToken: string
  /** Where documentation is searched. */
  mcpUrl: string
  /** Whether mcp-core has an AI provider. */
  hasAgentProvider?: boolean
}

/** Runs single tools at a Sentry and observes what they ask of it. Every run finds out again what Sentry lacks. */
export function createToolRunner(options: ToolRunnerOptions) {
  const { core, sentry, accessToken, mcpUrl, hasAgentProvider = false } = options

  async function run(name: string, args: Record<string, unknown>): Promise<ToolRun> {
    const result: ToolRun = { tool: name, outcome: 'works', detours: [], requests: [], missingFields: [] }
    const compatibility = observe(createCompatibility(sentry), result)
    await compatibility.release.read()
    const caller = {
      ...{ clientId: 'doctor', clientName: 'Doctor', subject: 'doctor', userId: 'doctor' },
      scope: new Set(SCOPES),
      skills: new Set<string>(ACTIVE_SKILLS),
      constraints: {},
      openAccessToken: async () => accessToken,
      renewAccessToken: () => Promise.reject(new SignInRequiredError('This token cannot be renewed.')),
    }
    const variant = createCatalogue(compatibility).findVariant(caller)
    const tool = variant.tools.get(name)
    if (tool === undefined) return { ...result, outcome: 'hidden' }
    const progress = createProgress()
    const { signal } = new AbortController()
    const budget = createUpstreamBudget()
    const share = budget.open(caller.subject, signal)
    const call = {
      ...{ caller, variant, progress, accessToken, tool, args, signal, share },
      ...{ reference: 'doctor', log: Fastify().log },
      reportProgress: progress.follow(undefined),
      countAgentRun: async () => undefined,
    }
    const { isError } = await callTool(call, {
      ...{ core, sentry, compatibility, mcpUrl, budget },
      timeouts: DEFAULT_TIMEOUTS,
      calls: createRecorder(result),
    })
    share.close()
    return { ...result, outcome: findOutcome(isError === true, result) }
  }

  function createCatalogue({ listMissingTools }: Compatibility) {
    const settings = {
      TOOL_SURFACE: 'full',
      READ_ONLY: false,
      DISABLED_SKILLS: [],
      DISABLED_TOOLS: [],
      DIRECT_SEARCH: true,
      SENTRY_SCOPES: SCOPES,
    } as const
    const tools = { ...core.tools, [USE_SENTRY]: createUseSentryTool(core, new Map()) }
    const policy = createToolPolicy({ core, tools, settings, hasAgentProvider, listMissingTools })
    return createToolCatalogue({ core, tools, policy, isCloud: sentry.isCloud })
  }

  return { run }
}

function findOutcome(isError: boolean, { failure, detours, sentence }: ToolRun): ToolRun['outcome'] {
  if (!isError) return detours.length > 0 ? 'detour' : 'works'
  const isExplained = failure === 'sentry_lacks_feature' || (failure === 'invalid_arguments' && sentence)
  return isExplained ? 'lacks' : 'fails'
}

/** Writes the requests and the findings of a call into its result. */
function observe(compatibility: Compatibility, result: ToolRun): Compatibility {
  return {
    ...compatibility,
    async send(request, forward, findings) {
      findings.onDetour = (name) => result.detours.push(name)
      const observed = async (url: URL) => {
        const response = await forward(url)
        result.requests.push({ method: request.method, route: describeRoute(url), status: response.status })
        return response
      }
      const response = await compatibility.send(request, observed, findings)
      // What a result is limited to also explains why a tool does not find its object.
      result.sentence = findings.shortcoming ?? [...(findings.notes ?? [])].join(' ')
      return response
    },
  }
}

function createRecorder(result: ToolRun): ToolCallRecorder {
  return {
    async record(_call, work, toOutcome) {
      try {
        return await work()
      } catch (error) {
        result.failure = toOutcome(error)
        result.missingFields.push(...listMissingFields(error))
        throw error
      }
    },
    recordRefusal: () => undefined,
  }
}

/** The paths of the values that mcp-core's schemas refuse, from a `ZodError` or a cause of one. */
function listMissingFields(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  if (!('issues' in error && Array.isArray(error.issues))) return listMissingFields(error.cause)
  return error.issues.map(({ path }: { path?: unknown[] }) => formatFieldPath(path ?? []))
}

/** A name that is not written as a field of Sentry is the key of a map, and may be data. */
function formatFieldPath(path: readonly unknown[]): string {
  return path
    .map((part) => {
      if (typeof part === 'number') return '[]'
      return FIELD_NAMES.has(String(part)) ? String(part) : '{key}'
    })
    .join('.')
}

const FIELD_NAMES = new Set(
  // biome-ignore format: the fields that mcp-core requires
  ['id', 'slug', 'name', 'email', 'links', 'organizationUrl', 'regionUrl', 'dsn', 'public', 'isActive',
    'dateCreated', 'dateReleased', 'version', 'shortVersion', 'firstEvent', 'lastEvent', 'newGroups', 'lastCommit',
    'lastDeploy', 'projects', 'title', 'widgets', 'queries', 'fields', 'aggregates', 'columns', 'fieldAliases',
    'conditions', 'orderby', 'widgetId', 'projectSlug', 'status', 'url', 'intervalSeconds', 'timeoutMs',
    'detectorIds', 'shortId', 'firstSeen', 'lastSeen', 'count', 'userCount', 'permalink', 'project', 'culprit',
    'message', 'entries', 'key', 'activity', 'autofix', 'run_id', 'blocks', 'type', 'size', 'mimetype', 'data',
    'valid', 'dataset', 'environment', 'field', 'query', 'error', 'attributeType', 'attributeSource', 'event_id',
    'duration', 'children', 'errors', 'occurrences', 'conversationId', 'flow', 'llmCalls', 'toolCalls',
    'totalTokens', 'totalCost', 'startTimestamp', 'endTimestamp', 'traceCount', 'traceIds', 'firstInput',
    'lastOutput', 'user', 'toolNames', 'toolErrors', 'spans', 'chunk', 'chunks', 'profile', 'profiles', 'shared',
    'frames', 'transaction', 'provider', 'created', 'updated', 'mappings', 'triggers', 'actions', 'filters',
    'transactionChildCountMap', 'transaction_child_count_map', 'transaction.event_id', 'count()', 'meta'],
)

/** The words in paths of Sentry's API; another part of a path may be data. */
const ROUTE_WORDS = new Set(
  // biome-ignore format: words
  ['organizations', 'projects', 'teams', 'auth', 'issues', 'events', 'latest', 'recommended', 'oldest', 'validate',
    'trace', 'trace-meta', 'events-trace', 'events-trace-meta', 'trace-items', 'attributes', 'agents', 'conversations',
    'ai-conversations', 'workflows', 'rules', 'alert-rules', 'combined-rules', 'autofix', 'tags', 'external-issues',
    'user-reports', 'activities', 'notes', 'comments', 'attachments', 'stacktrace-link', 'replays',
    'recording-segments', 'replay-count', 'profiling', 'flamegraph', 'profiles', 'chunks', 'preprodartifacts',
    'snapshots', 'images', 'latest-base', 'dashboards', 'monitors', 'checkins', 'stats', 'uptime', 'checks',
    'releases', 'deploys', 'commits', 'keys', 'repos', 'code-mappings', 'bulk', 'onboarding', 'agent', 'status'],
)

/** A path with `{}` in place of what may be data, and the dataset of a search. */
function describeRoute({ pathname, searchParams }: URL): string {
  const [, kind = '', ...rest] = pathname.replace(/^\/api\/0/, '').split('/')
  // The first name below is a slug, also where it is a word; below a project there is another one.
  const slugs = kind === 'projects' || kind === 'teams' ? 2 : 1
  const parts = rest.map((part, place) => {
    if (part === '') return part
    return place >= slugs && ROUTE_WORDS.has(part) ? part : '{}'
  })
  const dataset = searchParams.get('dataset') ?? ''
  const isKnown = ['errors', 'spans', 'logs', 'tracemetrics', 'profiles', 'replays'].includes(dataset)
  const path = ['', ROUTE_WORDS.has(kind) ? kind : '{}', ...parts].join('/')
  return isKnown ? `${path}?dataset=${dataset}` : path
}
