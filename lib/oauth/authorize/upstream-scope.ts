import { coversSentryScope } from '../../model/scope.ts'
import { SKILLS } from '../../model/skills.ts'
import type { OAuthSettings } from '../authorization-server.ts'
import type { PendingAuthorization } from './transaction.ts'

/**
 * The scopes to request from Sentry: what the tools of the chosen skills need, as far as the client's request permits
 * it by Sentry's hierarchy, in which `event:write` includes `event:read`. Nothing that writes with READ_ONLY. With
 * ALLOWED_ORGANIZATIONS always `org:read`, without which Sentry does not show who is a member.
 */
export function selectUpstreamScope(
  { skills, scope }: Pick<PendingAuthorization, 'skills' | 'scope'>,
  {
    SENTRY_SCOPES,
    READ_ONLY,
    ALLOWED_ORGANIZATIONS,
  }: Pick<OAuthSettings, 'SENTRY_SCOPES' | 'READ_ONLY' | 'ALLOWED_ORGANIZATIONS'>,
): string[] {
  const chosen = Object.entries(SKILLS).filter(([skill]) => skills.includes(skill))
  const needed = new Set(chosen.flatMap(([, { needs }]): readonly string[] => needs))
  const permitted = [...needed].filter(
    (name) =>
      (coversSentryScope(scope, name) && (!READ_ONLY || name.endsWith(':read'))) ||
      (name === 'org:read' && ALLOWED_ORGANIZATIONS.length > 0),
  )
  // A scope that the operator does not name is requested only in place of the wider one that includes it.
  const isRedundant = (name: string) =>
    !SENTRY_SCOPES.includes(name) &&
    permitted.some((other) => other !== name && coversSentryScope([other], name))
  const place = (name: string) => SENTRY_SCOPES.indexOf(name) + 1 || SENTRY_SCOPES.length + 1
  return permitted.filter((name) => !isRedundant(name)).sort((one, other) => place(one) - place(other))
}
