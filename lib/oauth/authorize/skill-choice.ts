import { hashToken } from '../../crypto/hash.ts'
import { createHostCookie } from '../../http/host-cookie.ts'
import { ACTIVE_SKILLS, SKILLS, type Skill } from '../../model/skills.ts'

/** For how many clients a browser remembers a choice. */
const MAX_CHOICES = 12

const COOKIE_TTL_SECONDS = 365 * 86_400

/**
 * The cookie with the skills that a user last ticked for each client. It only preselects them on the next consent page;
 * it grants nothing and skips no page.
 */
export function createChoiceCookie(baseUrl: string) {
  return createHostCookie('sentry-mcp-choices', { baseUrl, maxAgeSeconds: COOKIE_TTL_SECONDS })
}

/** The skills that were last ticked for this client; undefined if the cookie has none. */
export function readChoice(cookie: string | undefined, clientId: string): Skill[] | undefined {
  const digits = parseChoices(cookie).get(abbreviateClient(clientId))
  return digits === undefined ? undefined : ACTIVE_SKILLS.filter((_, index) => digits[index] === '1')
}

/** The cookie's value with this choice added, without the oldest if there are too many. */
export function addChoice(cookie: string | undefined, clientId: string, skills: readonly Skill[]): string {
  const choices = parseChoices(cookie)
  const client = abbreviateClient(clientId)
  choices.delete(client)
  choices.set(client, ACTIVE_SKILLS.map((skill) => (skills.includes(skill) ? '1' : '0')).join(''))
  return [...choices]
    .slice(-MAX_CHOICES)
    .map(([name, digits]) => `${name}.${digits}`)
    .join('~')
}

/**
 * The offered skills, and whether each is ticked: as last time, otherwise by the operator's default. A skill for which
 * the request has no scope is not ticked.
 */
export function preselectSkills(
  offered: ReadonlyMap<Skill, boolean>,
  scope: readonly string[],
  lastChoice: readonly Skill[] | undefined,
): Map<Skill, boolean> {
  return new Map(
    [...offered].map(([skill, isDefault]) => {
      const scopes: readonly string[] = SKILLS[skill].scopes
      const isCovered = scopes.length === 0 || scopes.some((needed) => scope.includes(needed))
      return [skill, isCovered && (lastChoice?.includes(skill) ?? isDefault)]
    }),
  )
}

/** Enough of the hash of a client id to tell a dozen clients apart. */
function abbreviateClient(clientId: string): string {
  return hashToken(clientId).slice(0, 12)
}

function parseChoices(cookie = ''): Map<string, string> {
  const entries = cookie.split('~').map((entry) => entry.split('.'))
  return new Map(
    entries.filter((entry): entry is [string, string] => /^[\w-]{12}\.[01]{1,16}$/.test(entry.join('.'))),
  )
}
