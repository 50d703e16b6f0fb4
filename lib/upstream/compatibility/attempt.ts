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
  const body: unknown = await response
    .clone()
    .json()
    .catch(() => undefined)
  const isEmpty = body === undefined && (await response.clone().text()).trim() === ''
  return { status: response.status, isEmpty, body, release }
}

/**
 * Sentry has no such route, or a feature of it is off: 404 without a body. A thing that does not exist is a 404 whose
 * body says so.
 */
export function isMissingRoute({ status, isEmpty }: Attempt): boolean {
  return status === 404 && isEmpty
}
