/** A request of a tool to Sentry's API. */
export interface ApiRequest {
  method: string
  url: URL
  /** The path below `/api/0`. */
  path: string
  /** In whose path it is; empty outside of organizations. */
  organization: string
}

/** What Sentry responded to a request. */
export interface Attempt {
  status: number
  /** Whether the body is empty: so Sentry responds where a route is missing or a feature is switched off. */
  isEmpty: boolean
  /** The body as JSON; undefined if it is not. */
  body: unknown
  /** Of Sentry; undefined while it is unknown. */
  release: string | undefined
}

export function readApiRequest(method: string, url: URL): ApiRequest | undefined {
  const path = /^\/api\/0(\/.*)$/.exec(url.pathname)?.[1]
  if (path === undefined) return undefined
  const organization = /^\/(?:organizations|projects|teams)\/([^/]+)\//.exec(path)?.[1] ?? ''
  return { method: method.toUpperCase(), url, path, organization }
}

export async function readAttempt(response: Response, release: string | undefined): Promise<Attempt> {
  const text = await response.clone().text()
  return { status: response.status, isEmpty: text.trim() === '', body: parseJson(text), release }
}

/**
 * Sentry has no such route, or a feature of it is off: 404 without a body. A thing that does not exist is a 404 whose
 * body says so.
 */
export function isMissingRoute({ status, isEmpty }: Attempt): boolean {
  return status === 404 && isEmpty
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
