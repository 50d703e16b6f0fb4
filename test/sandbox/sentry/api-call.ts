import type { ApiToken } from './accounts.ts'
import type { Issue, Organization, Project, SentryData } from './data.ts'
import type { Place } from './place.ts'
import type { ReleaseBehaviour } from './releases.ts'

/** A request to the API, past authentication and past the check of its scopes. */
export interface ApiCall {
  params: Record<string, string>
  query: URLSearchParams
  body: Record<string, unknown>
  data: SentryData
  caller: ApiToken
  /** The one organization that the application is limited to, if it is. */
  organizationId: string | undefined
  release: ReleaseBehaviour
  place: Place
  /** Host and port that the request names. */
  host: string
  /** For the links in responses. */
  origin: string
}

export interface ApiRoute {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below `/api/0`. */
  path: string
  /** One of these is enough; an empty list asks for a token and no more. */
  scopes: readonly string[]
  /** Is reached without a valid token as well and then responds 400 with an empty body, as Sentry's `/auth/` does. */
  isOpen?: boolean
  /** The result is the JSON of the response, unless it is a `List` or an `ApiResponse`. */
  handle(call: ApiCall): unknown
}

/** A list that is sent page by page. */
export class List {
  readonly items: readonly unknown[]

  constructor(items: readonly unknown[]) {
    this.items = items
  }
}

/** A response that is not 200 with JSON. */
export class ApiResponse {
  readonly status: number
  readonly body: unknown
  readonly headers: Record<string, string | number>

  constructor(status: number, body?: unknown, headers: Record<string, string | number> = {}) {
    this.status = status
    this.body = body
    this.headers = headers
  }
}

/** A refusal: with a reason in Sentry's shape, `{"detail": …}`, with errors by field, or with an empty body. */
export class ApiFailure extends Error {
  readonly status: number
  readonly body: unknown

  constructor(status: number, reason?: string | Record<string, string[]>) {
    super(typeof reason === 'string' ? reason : `Refused with status ${status}`)
    this.status = status
    this.body = typeof reason === 'string' ? { detail: reason } : reason
  }
}

/** The scopes that Sentry's permission classes name: of each list, a token needs one. */
export const READ_ORGANIZATION = ['org:read', 'org:write', 'org:admin']
export const WRITE_TEAM = ['org:write', 'org:admin', 'team:write']
export const READ_TEAM = ['team:read', 'team:write', 'team:admin']
export const READ_PROJECT = ['project:read', 'project:write', 'project:admin']
export const WRITE_PROJECT = ['project:write', 'project:admin']
export const READ_RELEASE = [...READ_PROJECT, 'project:releases', 'org:ci']
export const READ_ALERT = [...READ_ORGANIZATION, 'alerts:read']
export const READ_EVENT = ['event:read', 'event:write', 'event:admin']
export const WRITE_EVENT = ['event:write', 'event:admin']

export function findOrganization(call: ApiCall): Organization {
  const { organization: slug = '' } = call.params
  const found = call.data.organizations.find((candidate) => candidate.slug === slug || candidate.id === slug)
  if (found === undefined || !call.place.holds(found, call.host)) throw createNotFound()
  if (call.organizationId !== undefined && call.organizationId !== found.id) throw createForbidden()
  if (!isMember(call, found)) throw createForbidden()
  return found
}

export function isMember({ caller }: ApiCall, { slug }: Organization): boolean {
  return caller.user.organizations?.includes(slug) ?? true
}

export function findProject(call: ApiCall): Project {
  const { project: slug = '' } = call.params
  const found = findOrganization(call).projects.find(({ id, slug: name }) => name === slug || id === slug)
  if (found === undefined) throw createNotFound()
  return found
}

/** An issue by its number or its short id, in any case. */
export function findIssue(call: ApiCall): Issue {
  const { issue: id = '' } = call.params
  const found = findOrganization(call).issues.find(
    (candidate) => candidate.id === id || candidate.shortId === id.toUpperCase(),
  )
  if (found === undefined) throw createNotFound()
  return found
}

/** The projects that `project=` or `projectSlug=` asks for; all of them without either or for `-1`. */
export function selectProjects(call: ApiCall): Project[] {
  const wanted = [...call.query.getAll('project'), ...call.query.getAll('projectSlug')].filter(
    (id) => id !== '-1',
  )
  const { projects } = findOrganization(call)
  if (wanted.length === 0) return projects
  return projects.filter(({ id, slug }) => wanted.includes(id) || wanted.includes(slug))
}

export function createNotFound(): ApiFailure {
  return new ApiFailure(404, 'The requested resource does not exist')
}

export function createForbidden(): ApiFailure {
  return new ApiFailure(403, 'You do not have permission to perform this action.')
}

/** Text of a JSON body, or undefined. */
export function readText(body: Record<string, unknown>, name: string): string | undefined {
  const value = body[name]
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : undefined
}
