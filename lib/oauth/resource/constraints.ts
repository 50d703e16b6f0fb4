import { hashToken } from '../../crypto/hash.ts'
import type { Caller, Constraints } from '../../model/caller.ts'
import type { Resource } from '../../model/resource.ts'
import { type SentryDirectory, TokenRefusedError } from '../../upstream/api.ts'

/** How long a look-up holds for one user, in ms. Sentry itself judges every request that a tool makes. */
const KEPT_FOR = 5 * 60_000

/** How many look-ups are kept. */
const MAX_KEPT = 2000

/** The organization or project of a resource is not there, or not this user's to see. */
export class ConstraintNotFoundError extends Error {
  override readonly name = 'ConstraintNotFoundError'
}

/** Sentry refused the token while a constraint was looked up, and the user has to sign in again. */
export class ConstraintSignInError extends Error {
  override readonly name = 'ConstraintSignInError'
}

export interface ConstraintCheck {
  /**
   * The constraints of a resource, looked up at Sentry with the caller's own token. Throws
   * `ConstraintNotFoundError`, `ConstraintSignInError`, or what Sentry and the store throw when they are away.
   */
  resolve(resource: Resource, caller: Caller): Promise<Constraints>
}

/** `isCloud` says whether organizations have regions of their own. */
export function createConstraintCheck(directory: SentryDirectory, isCloud: boolean): ConstraintCheck {
  const kept = new Map<string, { constraints: Constraints; until: number }>()

  async function resolve(resource: Resource, caller: Caller): Promise<Constraints> {
    if (resource.organization === undefined) return {}
    const key = hashToken(`${caller.subject} ${resource.path}`)
    const known = kept.get(key)
    if (known !== undefined && known.until > Date.now()) return known.constraints
    const constraints = await withRenewal(caller, (token) =>
      lookUp(resource.organization ?? '', resource.project, token),
    )
    keep(key, constraints)
    return constraints
  }

  async function lookUp(
    organizationSlug: string,
    projectSlug: string | undefined,
    accessToken: string,
  ): Promise<Constraints> {
    const organization = await directory.findOrganization(organizationSlug, accessToken)
    if (organization === undefined) throw createNotFound('organization', organizationSlug)
    const { regionUrl } = organization
    const place = { organizationSlug, ...(isCloud && regionUrl !== undefined && { regionUrl }) }
    if (projectSlug === undefined) return place
    const project = await directory.findProject(organizationSlug, projectSlug, accessToken)
    if (project === undefined) throw createNotFound('project', projectSlug)
    return { ...place, projectSlug, projectCapabilities: project.capabilities }
  }

  function keep(key: string, constraints: Constraints): void {
    const [oldest] = kept.keys()
    if (kept.size >= MAX_KEPT && oldest !== undefined) kept.delete(oldest)
    kept.delete(key)
    kept.set(key, { constraints, until: Date.now() + KEPT_FOR })
  }

  return { resolve }
}

/** Looks up with the caller's token, and once more with its successor where Sentry refuses it. */
async function withRenewal<Result>(
  caller: Caller,
  lookUp: (token: string) => Promise<Result>,
): Promise<Result> {
  try {
    return await lookUp(await caller.openAccessToken())
  } catch (error) {
    if (!(error instanceof TokenRefusedError)) throw error
    const successor = await caller.renewAccessToken()
    if (successor === undefined) throw new ConstraintSignInError('The sign-in has ended')
    return lookUp(successor)
  }
}

function createNotFound(kind: string, slug: string): ConstraintNotFoundError {
  return new ConstraintNotFoundError(`The ${kind} ${slug} does not exist at Sentry, or you cannot see it.`)
}
