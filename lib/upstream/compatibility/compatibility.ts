import { LRUCache } from 'lru-cache'
import type { SentryLocation } from '../location.ts'
import { type ApiRequest, isMissingRoute, readApiRequest, readAttempt } from './attempt.ts'
import { type Detour, type Forward, findDetour } from './detours.ts'
import { createReleaseReader, type ReleaseReader } from './release.ts'
import {
  describeMissingRoute,
  describeMissingTool,
  describeShortcoming,
  findShortcoming,
  listToolsMissingAt,
  SHORTCOMINGS,
  type Shortcoming,
} from './shortcomings.ts'

/** How long an organization's Sentry is taken to lack a route. Then it is asked again: it may have been upgraded. */
const MEMORY_TTL_MS = 5 * 60_000

const MAX_MEMORIES = 2_000

/** What a tool call learns about the Sentry that it works at. */
export interface Findings {
  /** The sentence in a response that stands for something this Sentry does not have. */
  shortcoming?: string
  /** What the user has to know about the result. */
  notes?: Set<string>
  /** Told of every detour that was taken. */
  onDetour?(name: string): void
}

/** Makes the requests of tools work at the release of Sentry that is there. */
export interface Compatibility {
  /** Of a self-hosted Sentry. */
  release: ReleaseReader
  /**
   * Sends a request through `forward`, and in place of a read that this release does not have another one. Where there
   * is none, the response is a 400 whose `detail` is a sentence about it, which is also put into `findings`.
   */
  send(request: { method: string; url: URL }, forward: Forward, findings: Findings): Promise<Response>
  /** The tools that cannot work at this release; the same object until the release changes. */
  listMissingTools(): ReadonlySet<string>
  /** A sentence about what this release lacks for a tool; undefined for one that can work. */
  describeMissingTool(name: string): string | undefined
}

/**
 * Self-hosted Sentry is often one to two years old. What it lacks is recognized by its responses, because features are
 * switched off as well; the release is for sentences. What an organization's Sentry lacks is remembered for minutes, so
 * that a detour costs one request. sentry.io has everything, and its responses are passed on.
 */
export function createCompatibility(
  sentry: Pick<SentryLocation, 'origin' | 'isCloud' | 'routeTo'>,
): Compatibility {
  const release = createReleaseReader(sentry)
  const known = new LRUCache<string, true>({ max: MAX_MEMORIES, ttl: MEMORY_TTL_MS })
  let missing: { at: string | undefined; tools: ReadonlySet<string> } = { at: undefined, tools: new Set() }

  async function send(
    { method, url }: { method: string; url: URL },
    forward: Forward,
    findings: Findings,
  ): Promise<Response> {
    const request = sentry.isCloud ? undefined : readApiRequest(method, url)
    if (request === undefined) return forward(url)
    const remembered = findRemembered(request)
    if (remembered !== undefined) return respondWithShortcoming(request, remembered, findings)
    const detour = findDetour(request)
    const response = await (detour === undefined
      ? forward(url)
      : sendWithDetour(request, detour, forward, findings))
    return response.ok && !isDatasetSearch(request) ? response : explain(request, response, findings)
  }

  async function sendWithDetour(
    request: ApiRequest,
    detour: Detour,
    forward: Forward,
    findings: Findings,
  ): Promise<Response> {
    const key = createKey(request, detour.name)
    const take = async () => {
      findings.onDetour?.(detour.name)
      const taken = await detour.take(request, forward)
      const note = taken.ok ? detour.note?.(release.find()) : undefined
      if (note !== undefined) findings.notes?.add(note)
      return taken
    }
    if (known.has(key)) return take()
    const response = await forward(request.url)
    const attempt = await readAttempt(response, release.find())
    if (!detour.isNeeded(attempt)) return response
    const taken = await take()
    if (taken.ok && detour.isLasting?.(attempt) !== false) known.set(key, true)
    return taken
  }

  /** Puts a sentence in place of a response that shows what this Sentry does not have. */
  async function explain(request: ApiRequest, response: Response, findings: Findings): Promise<Response> {
    const attempt = await readAttempt(response, release.find())
    const shortcoming = findShortcoming(request, attempt)
    if (shortcoming !== undefined) {
      // A refusal may concern one user alone.
      if (request.method === 'GET' && attempt.status !== 403)
        known.set(createKey(request, shortcoming.name), true)
      return respondWithShortcoming(request, shortcoming, findings)
    }
    if (!isMissingRoute(attempt)) return response
    return createSentence(describeMissingRoute(attempt.release), findings)
  }

  function findRemembered(request: ApiRequest): Shortcoming | undefined {
    const shortcoming = SHORTCOMINGS.find(({ concerns }) => concerns(request))
    const isKnown = shortcoming !== undefined && known.has(createKey(request, shortcoming.name))
    return isKnown ? shortcoming : undefined
  }

  function respondWithShortcoming(
    request: ApiRequest,
    shortcoming: Shortcoming,
    findings: Findings,
  ): Response {
    // The details of an issue also ask for its analysis, and are complete without one.
    if (shortcoming.name === 'Seer' && request.method === 'GET') return Response.json({ autofix: null })
    return createSentence(describeShortcoming(shortcoming, release.find()), findings)
  }

  function listMissingTools(): ReadonlySet<string> {
    const at = release.find()
    if (at !== missing.at) missing = { at, tools: listToolsMissingAt(at) }
    return missing.tools
  }

  return {
    release,
    send,
    listMissingTools,
    describeMissingTool: (name) => describeMissingTool(name, release.find()),
  }
}

/** With status 400: mcp-core takes a 404 for a success of some deletions, and repeats what failed with a 5xx. */
function createSentence(sentence: string, findings: Findings): Response {
  findings.shortcoming = sentence
  return Response.json({ detail: sentence }, { status: 400 })
}

/** A search of a dataset without any data succeeds. */
function isDatasetSearch({ path, url }: ApiRequest): boolean {
  return path.endsWith('/events/') && url.searchParams.has('dataset')
}

function createKey({ organization }: ApiRequest, name: string): string {
  return `${organization} ${name}`
}
