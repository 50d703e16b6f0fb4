import { LRUCache } from 'lru-cache'
import { hashToken } from '../../crypto/hash.ts'
import type { Caller, Constraints } from '../../model/caller.ts'
import type { Resource } from '../../model/resource.ts'
import { SignInRequiredError } from '../../upstream/access.ts'
import { type SentryApi, TokenRefusedError } from '../../upstream/api.ts'
import { describeAllowed } from '../../upstream/destination.ts'

/** Of a look-up for one user. Sentry itself authorizes every request that a tool makes. */
const CACHE_TTL_MS = 5 * 60_000

/** How long a refusal is cached. An administrator who has just added a member waits no longer than this. */
const REFUSAL_TTL_MS = 30_000

/** Of either cache. */
const MAX_CACHED = 2000

/** The organization or project of a resource does not exist, the user may not see it, or the operator does not allow it. */
export class ConstraintNotFoundError extends Error {
  override readonly name = 'ConstraintNotFoundError'
}

export interface ConstraintSettings {
  /** The slugs of the organizations that this server is for; empty for all. */
  ALLOWED_ORGANIZATIONS: readonly string[]
}

export interface ConstraintResolver {
  /**
   * The constraints of a resource, looked up at Sentry with the caller's token. With ALLOWED_ORGANIZATIONS the user is
   * a member of one of them. Throws `ConstraintNotFoundError`, `ActionRequiredError`, `SignInRequiredError`, or a
   * `TransientError`.
   */
  resolve(resource: Resource, caller: Caller): Promise<Constraints>
}

/** `isCloud`: organizations have regions. */
export function createConstraintResolver(
  api: SentryApi,
  { ALLOWED_ORGANIZATIONS: allowed }: ConstraintSettings,
  isCloud: boolean,
): ConstraintResolver {
  const cache = new LRUCache<string, Constraints>({ max: MAX_CACHED, ttl: CACHE_TTL_MS })
  /** Hashes of the tokens of users who are a member of no allowed organization. */
  const refusals = new LRUCache<string, true>({ max: MAX_CACHED, ttl: REFUSAL_TTL_MS })

  async function resolve(resource: Resource, caller: Caller): Promise<Constraints> {
    if (resource.organization === undefined && allowed.length === 0) return {}
    const key = hashToken(`${caller.subject} ${resource.path}`)
    const cached = cache.get(key)
    if (cached !== undefined) return cached
    const constraints = await withRenewal(caller, (token) => lookUp(resource, token))
    cache.set(key, constraints)
    return constraints
  }

  async function lookUp(
    { organization: organizationSlug, project: projectSlug }: Resource,
    accessToken: string,
  ): Promise<Constraints> {
    if (organizationSlug === undefined) {
      await assertMembership(accessToken)
      return { allowedOrganizations: allowed }
    }
    if (allowed.length > 0 && !allowed.includes(organizationSlug)) {
      // Only a member is told which organizations there are.
      await assertMembership(accessToken)
      throw new ConstraintNotFoundError(describeAllowed(allowed))
    }
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

  async function assertMembership(accessToken: string): Promise<void> {
    const key = hashToken(accessToken)
    if (!refusals.has(key)) {
      if ((await api.findMembership(allowed, accessToken)) !== undefined) return
      refusals.set(key, true)
    }
    throw new ConstraintNotFoundError(
      'At Sentry you are a member of no organization that this server is for, or the token does not have the permission org:read. Ask the operator of this server.',
    )
  }

  return { resolve }
}

/**
 * Looks up with the caller's token, and once more with a renewed one if Sentry refuses it. Throws `SignInRequiredError`
 * if it refuses that one too.
 */
async function withRenewal<Result>(
  caller: Caller,
  lookUp: (token: string) => Promise<Result>,
): Promise<Result> {
  try {
    return await lookUp(await caller.openAccessToken())
  } catch (error) {
    if (!(error instanceof TokenRefusedError)) throw error
  }
  const renewed = await caller.renewAccessToken()
  try {
    return await lookUp(renewed)
  } catch (error) {
    if (!(error instanceof TokenRefusedError)) throw error
    throw new SignInRequiredError('Sentry refused a renewed token.', { cause: error })
  }
}

function createNotFound(kind: string, slug: string): ConstraintNotFoundError {
  return new ConstraintNotFoundError(`The ${kind} ${slug} does not exist at Sentry, or you cannot see it.`)
}
