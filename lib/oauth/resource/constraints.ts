import { LRUCache } from 'lru-cache'
import { hashToken } from '../../crypto/hash.ts'
import type { Caller, Constraints } from '../../model/caller.ts'
import type { Resource } from '../../model/resource.ts'
import { type SentryApi, TokenRefusedError } from '../../upstream/api.ts'

/** Of a look-up for one user. Sentry itself authorizes every request that a tool makes. */
const CACHE_TTL_MS = 5 * 60_000

const MAX_CACHED = 2000

/** The organization or project of a resource does not exist, or the user may not see it. */
export class ConstraintNotFoundError extends Error {
  override readonly name = 'ConstraintNotFoundError'
}

export interface ConstraintResolver {
  /**
   * The constraints of a resource, looked up at Sentry with the caller's token. Throws `ConstraintNotFoundError`,
   * `SignInRequiredError`, or a `TransientError`.
   */
  resolve(resource: Resource, caller: Caller): Promise<Constraints>
}

/** `isCloud`: organizations have regions. */
export function createConstraintResolver(api: SentryApi, isCloud: boolean): ConstraintResolver {
  const cache = new LRUCache<string, Constraints>({ max: MAX_CACHED, ttl: CACHE_TTL_MS })

  async function resolve({ organization, project, path }: Resource, caller: Caller): Promise<Constraints> {
    if (organization === undefined) return {}
    const key = hashToken(`${caller.subject} ${path}`)
    const cached = cache.get(key)
    if (cached !== undefined) return cached
    const constraints = await withRenewal(caller, (token) => lookUp(organization, project, token))
    cache.set(key, constraints)
    return constraints
  }

  async function lookUp(
    organizationSlug: string,
    projectSlug: string | undefined,
    accessToken: string,
  ): Promise<Constraints> {
    const organization = await api.findOrganization(organizationSlug, accessToken)
    if (organization === undefined) throw createNotFound('organization', organizationSlug)
    const { regionUrl } = organization
    const constraints = { organizationSlug, ...(isCloud && regionUrl !== undefined && { regionUrl }) }
    if (projectSlug === undefined) return constraints
    const project = await api.findProject(organizationSlug, projectSlug, accessToken)
    if (project === undefined) throw createNotFound('project', projectSlug)
    const { id: projectId, capabilities: projectCapabilities } = project
    return { ...constraints, projectSlug, projectId, projectCapabilities }
  }

  return { resolve }
}

/** Looks up with the caller's token, and once more with a renewed one if Sentry refuses it. */
async function withRenewal<Result>(
  caller: Caller,
  lookUp: (token: string) => Promise<Result>,
): Promise<Result> {
  try {
    return await lookUp(await caller.openAccessToken())
  } catch (error) {
    if (!(error instanceof TokenRefusedError)) throw error
    return lookUp(await caller.renewAccessToken())
  }
}

function createNotFound(kind: string, slug: string): ConstraintNotFoundError {
  return new ConstraintNotFoundError(`The ${kind} ${slug} does not exist at Sentry, or you cannot see it.`)
}
