import type { ApiToken } from './accounts.ts'
import type { Issue, Organization, Project, SentryData } from './data.ts'

/** A request to the API, past authentication and past the check of its scopes. */
export interface ApiCall {
  params: Record<string, string>
  query: URLSearchParams
  body: Record<string, unknown>
  data: SentryData
  caller: ApiToken
  /** The one organisation that the application is limited to, if it is. */
  organizationId: string | undefined
  /** `http://127.0.0.1:port`, for the links in answers. */
  origin: string
}

export interface ApiRoute {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Below `/api/0`. */
  path: string
  /** One of these is enough; an empty list asks for a token and no more. */
  scopes: readonly string[]
  /** Is reached without a token that lives as well, and then answers 400 without a word, as Sentry's `/auth/` does. */
  isOpen?: boolean
  /** What it returns is the answer's JSON, unless it is a `List` or an `Answer`. */
  handle(call: ApiCall): unknown
}

/** A list that is handed out page by page. */
export class List {
  readonly items: readonly unknown[]

  constructor(items: readonly unknown[]) {
    this.items = items
  }
}

/** An answer that is not 200 with JSON. */
export class Answer {
  readonly status: number
  readonly body: unknown
  readonly type: string | undefined

  constructor(status: number, body?: unknown, type?: string) {
    this.status = status
    this.body = body
    this.type = type
  }
}

/** A refusal in Sentry's shape, `{"detail": …}`. */
export class ApiFailure extends Error {
  readonly status: number

  constructor(status: number, detail: string) {
    super(detail)
    this.status = status
  }
}

/** Who may do what, as Sentry's permission classes have it: each method names the scopes of which one must be there. */
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
  if (found === undefined) throw createNotFound()
  if (call.organizationId !== undefined && call.organizationId !== found.id) throw createForbidden()
  return found
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

/** The projects that `project=` asks for, by number; all of them without it or for `-1`. */
export function selectProjects(call: ApiCall): Project[] {
  const wanted = call.query.getAll('project').filter((id) => id !== '-1')
  const { projects } = findOrganization(call)
  return wanted.length === 0 ? projects : projects.filter(({ id }) => wanted.includes(id))
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
