import type { Config } from '../../config/load.ts'
import { hashToken } from '../../crypto/hash.ts'
import type { Caller } from '../../model/caller.ts'
import type { Resource } from '../../model/resource.ts'
import { ACTIVE_SKILLS } from '../../model/skills.ts'
import type { Audit, AuditSource } from '../../telemetry/audit.ts'
import { TokenRefusedError } from '../../upstream/api.ts'
import { findUserId } from '../../upstream/identity.ts'
import { InvalidTokenError } from '../token/access-token.ts'

/** How long it is remembered whose a token is, in ms. Sentry itself judges every request that a tool makes. */
const KEPT_FOR = 5 * 60_000

/** How long it is remembered that Sentry refused a token, in ms: a machine that goes on with it asks again at once. */
const REFUSED_FOR = 30_000

/** Of how many tokens either is remembered. */
const MAX_KEPT = 2000

/** The `skills` of a request are not a list of skills. The message is for whoever wrote the URL. */
export class UnknownSkillError extends Error {
  override readonly name = 'UnknownSkillError'

  constructor() {
    super(`skills should be a list separated by commas, out of ${ACTIVE_SKILLS.join(', ')}.`)
  }
}

export interface PassthroughRequest {
  resource: Resource
  /** The query parameter that narrows what the caller may do; without it DEFAULT_SKILLS hold. */
  skills: string | string[] | undefined
  source: AuditSource
  /** Is waited for before Sentry is asked about a token, and throws where that was asked for too often. */
  limitLookUps(): Promise<void>
}

/**
 * Lets machines without a browser in with a Sentry token of their own. Nothing is stored and no grant is made: the
 * token goes to Sentry with every request and is judged there, so whoever revokes it at Sentry ends it here.
 */
export interface TokenPassthrough {
  /** Who calls. Throws `InvalidTokenError`, `UnknownSkillError`, `UpstreamUnavailableError`, or as the limit does. */
  authenticate(token: string, request: PassthroughRequest): Promise<Caller>
}

export interface TokenPassthroughOptions {
  config: Pick<Config, 'SENTRY_PROTOCOL' | 'SENTRY_HOST' | 'SENTRY_SCOPES' | 'DEFAULT_SKILLS'>
  audit: Audit
}

/** The token of a `Sentry-Bearer` authorization, a scheme of its own so that none is taken for an access token. */
export function readSentryToken(authorization: string | undefined): string | undefined {
  return /^sentry-bearer +([A-Za-z0-9\-._~+/]+=*) *$/i.exec(authorization ?? '')?.[1]
}

export function createTokenPassthrough({ config, audit }: TokenPassthroughOptions): TokenPassthrough {
  const origin = `${config.SENTRY_PROTOCOL}://${config.SENTRY_HOST}`
  /** Whose a token is, by its hash; a promise, so that requests at once ask once. */
  const kept = new Map<string, { userId: Promise<string>; until: number }>()
  /** Until when a token counts as refused, by its hash. Apart from the others, which a flood must not push out. */
  const refused = new Map<string, number>()

  async function authenticate(token: string, request: PassthroughRequest): Promise<Caller> {
    const skills = readSkills(request.skills) ?? config.DEFAULT_SKILLS
    const key = hashToken(token)
    const userId = await (findKept(key) ?? keep(key, identify(token, skills, request)))
    return {
      clientId: 'sentry-bearer',
      clientName: 'Sentry-Bearer',
      subject: userId,
      userId,
      scope: new Set(config.SENTRY_SCOPES),
      skills: new Set(skills),
      constraints: {},
      openAccessToken: async () => token,
      async renewAccessToken() {
        kept.delete(key)
        return undefined
      },
    }
  }

  function findKept(key: string): Promise<string> | undefined {
    if ((refused.get(key) ?? 0) > Date.now()) throw new InvalidTokenError('Invalid token')
    const known = kept.get(key)
    return known !== undefined && known.until > Date.now() ? known.userId : undefined
  }

  async function identify(token: string, skills: string[], request: PassthroughRequest): Promise<string> {
    await request.limitLookUps()
    try {
      const subject = await findUserId(origin, token)
      const about = { subject, resource: request.resource.url, skills }
      audit.write({ event: 'sentry_bearer_accepted', about }, request.source)
      return subject
    } catch (cause) {
      throw cause instanceof TokenRefusedError ? new InvalidTokenError('Invalid token', { cause }) : cause
    }
  }

  function keep(key: string, userId: Promise<string>): Promise<string> {
    remember(kept, key, { userId, until: Date.now() + KEPT_FOR })
    userId.catch((error) => {
      kept.delete(key)
      if (error instanceof InvalidTokenError) remember(refused, key, Date.now() + REFUSED_FOR)
    })
    return userId
  }

  return { authenticate }
}

/** Adds what is new, and leaves the oldest out where there is too much. */
function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key)
  map.set(key, value)
  const [oldest] = map.keys()
  if (map.size > MAX_KEPT && oldest !== undefined) map.delete(oldest)
}

/** A name that is none might have been meant to narrow, so it is told and not passed over. */
function readSkills(parameter: PassthroughRequest['skills']): string[] | undefined {
  if (parameter === undefined) return undefined
  const skills = [parameter].flat().flatMap((list) => list.split(',').map((skill) => skill.trim()))
  if (!skills.every((skill) => (ACTIVE_SKILLS as string[]).includes(skill))) throw new UnknownSkillError()
  return skills
}
