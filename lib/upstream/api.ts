import Type from 'typebox'
import Value from 'typebox/value'
import type { SentryLocation } from './location.ts'
import { isOrganizationToken, readTokenOrganization } from './organization-token.ts'
import { requestSentry, type SentryResponse, UpstreamUnavailableError } from './request.ts'
import { readRequiredAction } from './required-action.ts'

/** The fields that are used here. What else Sentry sends depends on its release and the user's permissions. */
const OrganizationSchema = Type.Object({
  links: Type.Optional(Type.Object({ regionUrl: Type.Optional(Type.String()) })),
})

const ProjectSchema = Type.Object({
  id: Type.Union([Type.String({ minLength: 1 }), Type.Number()]),
  firstTransactionEvent: Type.Optional(Type.Boolean()),
  hasProfiles: Type.Optional(Type.Boolean()),
  hasReplays: Type.Optional(Type.Boolean()),
  hasLogs: Type.Optional(Type.Boolean()),
})

const UserSchema = Type.Object({ id: Type.Union([Type.String({ minLength: 1 }), Type.Number()]) })

/** Sentry refused the user's token itself. */
export class TokenRefusedError extends Error {
  override readonly name = 'TokenRefusedError'
}

/** Sentry responds once the user has done something there. The message is public and names what. */
export class ActionRequiredError extends Error {
  override readonly name = 'ActionRequiredError'

  /** `code` is that of Sentry, such as `sso-required`. */
  constructor(code: string) {
    super(
      `Sentry wants something from the user before it answers (${code}). Open Sentry in a browser, do what it asks, then try again.`,
    )
  }
}

export interface SentryOrganization {
  /** The URL of its region at sentry.io; undefined on a self-hosted Sentry. */
  regionUrl: string | undefined
}

export interface SentryProject {
  id: string
  /** Which data it sends to Sentry, by the names that tools require. Unknown to an older release: left out. */
  capabilities: Record<string, boolean>
}

/**
 * The parts of Sentry's API that this server itself calls, with the user's token. Every method throws
 * `TokenRefusedError`, `ActionRequiredError` or `UpstreamUnavailableError`.
 */
export interface SentryApi {
  /** Undefined if the organization does not exist or the user may not see it. `slug` must be a slug. */
  findOrganization(slug: string, accessToken: string): Promise<SentryOrganization | undefined>
  /** Undefined if the project does not exist or the user may not see it. Both must be slugs. */
  findProject(organization: string, slug: string, accessToken: string): Promise<SentryProject | undefined>
  /** The first of these organizations that the user may see, which takes a membership; undefined if there is none. */
  findMembership(slugs: readonly string[], accessToken: string): Promise<string | undefined>
  /** The id of the user to whom the token belongs; for a token of an organization, which has no user, its slug. */
  readUserId(accessToken: string): Promise<string>
}

export function createSentryApi(sentry: Pick<SentryLocation, 'origin' | 'routeTo'>): SentryApi {
  async function findOrganization(slug: string, accessToken: string) {
    const body = await find(`/api/0/organizations/${slug}/`, accessToken)
    if (body === undefined) return undefined
    return { regionUrl: parse(OrganizationSchema, body).links?.regionUrl || undefined }
  }

  async function findProject(organization: string, slug: string, accessToken: string) {
    const body = await find(`/api/0/projects/${organization}/${slug}/`, accessToken)
    if (body === undefined) return undefined
    const project = parse(ProjectSchema, body)
    const reported = {
      traces: project.firstTransactionEvent,
      profiles: project.hasProfiles,
      replays: project.hasReplays,
      logs: project.hasLogs,
    }
    const capabilities = Object.entries(reported).filter(
      (entry): entry is [string, boolean] => entry[1] !== undefined,
    )
    return { id: String(project.id), capabilities: Object.fromEntries(capabilities) }
  }

  /**
   * One request for each organization: in Sentry's list, which would take one for all, tokens of internal integrations
   * have none. What Sentry requires of the user counts only if no organization can be seen without it.
   */
  async function findMembership(slugs: readonly string[], accessToken: string): Promise<string | undefined> {
    // It may not read organizations, not even its own.
    if (isOrganizationToken(accessToken)) {
      const own = await findTokenOrganization(accessToken)
      return slugs.find((slug) => slug === own)
    }
    let required: ActionRequiredError | undefined
    for (const slug of slugs) {
      try {
        if ((await findOrganization(slug, accessToken)) !== undefined) return slug
      } catch (error) {
        if (!(error instanceof ActionRequiredError)) throw error
        required = error
      }
    }
    if (required !== undefined) throw required
    return undefined
  }

  async function readUserId(accessToken: string): Promise<string> {
    if (isOrganizationToken(accessToken)) {
      const slug = await findTokenOrganization(accessToken)
      if (slug === undefined) throw new TokenRefusedError('Sentry refused the token.')
      return `organization ${slug}`
    }
    const { status, body } = await get('/api/0/auth/', accessToken)
    if (status === 200) return String(parse(UserSchema, body).id)
    // This endpoint responds 400 to some tokens to which the others respond 401.
    if ([400, 401, 403].includes(status)) {
      assertNoAction(body)
      throw new TokenRefusedError('Sentry refused the token.')
    }
    throw createUnavailable(`responded ${status} to /api/0/auth/`)
  }

  /** The slug of a token of an organization, verified by releases, which every such token may list. */
  async function findTokenOrganization(accessToken: string): Promise<string | undefined> {
    const slug = readTokenOrganization(accessToken)
    if (slug === undefined) throw new TokenRefusedError('The token of an organization is malformed.')
    const releases = await find(`/api/0/organizations/${slug}/releases/?per_page=1`, accessToken)
    return releases === undefined ? undefined : slug
  }

  async function find(path: string, accessToken: string): Promise<unknown> {
    const { status, body } = await get(path, accessToken)
    if (status === 200) return body
    if (status === 401 || status === 403) assertNoAction(body)
    if (status === 403 || status === 404) return undefined
    if (status === 401) throw new TokenRefusedError('Sentry refused the token.')
    throw createUnavailable(`responded ${status} to ${path}`)
  }

  function get(path: string, accessToken: string): Promise<SentryResponse> {
    return requestSentry(sentry, path, { headers: { authorization: `Bearer ${accessToken}` } })
  }

  return { findOrganization, findProject, findMembership, readUserId }
}

/** A new token would not change what Sentry requires of the user, so this comes before any renewal. */
function assertNoAction(body: unknown): void {
  const action = readRequiredAction(body)
  if (action !== undefined) throw new ActionRequiredError(action)
}

function parse<Schema extends Type.TSchema>(schema: Schema, body: unknown): Type.Static<Schema> {
  if (Value.Check(schema, body)) return body
  throw createUnavailable('responded with an unexpected body')
}

function createUnavailable(reason: string): UpstreamUnavailableError {
  return new UpstreamUnavailableError(new Error(`Sentry ${reason}.`))
}
