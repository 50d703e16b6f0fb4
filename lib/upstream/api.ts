import Type from 'typebox'
import Value from 'typebox/value'
import { requestSentry, UpstreamUnavailableError } from './request.ts'

/** What of an organization matters here. Releases and permissions differ in what else they tell. */
const OrganizationSchema = Type.Object({
  links: Type.Optional(Type.Object({ regionUrl: Type.Optional(Type.String()) })),
})

const ProjectSchema = Type.Object({
  firstTransactionEvent: Type.Optional(Type.Boolean()),
  hasProfiles: Type.Optional(Type.Boolean()),
  hasReplays: Type.Optional(Type.Boolean()),
  hasLogs: Type.Optional(Type.Boolean()),
})

/** Sentry refused the user's token itself. */
export class TokenRefusedError extends Error {
  override readonly name = 'TokenRefusedError'
}

export interface SentryOrganization {
  /** Where sentry.io keeps it; undefined on a self-hosted Sentry. */
  regionUrl: string | undefined
}

export interface SentryProject {
  /** What it sends to Sentry, under the names that tools require. What an older release does not tell is left out. */
  capabilities: Record<string, boolean>
}

/**
 * Looks up what a user can see, with the user's own token. Each answers undefined for what is not there or not
 * theirs to see, and throws `TokenRefusedError` or `UpstreamUnavailableError`.
 */
export interface SentryDirectory {
  findOrganization(slug: string, accessToken: string): Promise<SentryOrganization | undefined>
  findProject(organization: string, slug: string, accessToken: string): Promise<SentryProject | undefined>
}

/** Whether a host is sentry.io, whose organizations live on hosts of their own below it. */
export function isCloudHost(host: string): boolean {
  return host === 'sentry.io' || host.endsWith('.sentry.io')
}

/** The directory of the Sentry at `origin`. Slugs must have been checked to be slugs. */
export function createSentryDirectory(origin: string): SentryDirectory {
  async function findOrganization(slug: string, accessToken: string) {
    const answer = await read(`/api/0/organizations/${slug}/`, accessToken)
    if (answer === undefined) return undefined
    const organization = parse(OrganizationSchema, answer)
    return { regionUrl: organization.links?.regionUrl || undefined }
  }

  async function findProject(organization: string, slug: string, accessToken: string) {
    const answer = await read(`/api/0/projects/${organization}/${slug}/`, accessToken)
    if (answer === undefined) return undefined
    const project = parse(ProjectSchema, answer)
    const told = {
      traces: project.firstTransactionEvent,
      profiles: project.hasProfiles,
      replays: project.hasReplays,
      logs: project.hasLogs,
    }
    const capabilities = Object.entries(told).filter(
      (entry): entry is [string, boolean] => entry[1] !== undefined,
    )
    return { capabilities: Object.fromEntries(capabilities) }
  }

  async function read(path: string, accessToken: string): Promise<unknown> {
    const url = new URL(path, origin)
    const { status, body } = await requestSentry(url, { headers: { authorization: `Bearer ${accessToken}` } })
    if (status === 200) return body
    if (status === 403 || status === 404) return undefined
    if (status === 401) throw new TokenRefusedError('Sentry refused the token.')
    throw new UpstreamUnavailableError(new Error(`Sentry answered ${status} to ${url.pathname}.`))
  }

  return { findOrganization, findProject }
}

function parse<Schema extends Type.TSchema>(schema: Schema, answer: unknown): Type.Static<Schema> {
  if (Value.Check(schema, answer)) return answer
  throw new UpstreamUnavailableError(new Error('Sentry answered in a form that is not its own.'))
}
