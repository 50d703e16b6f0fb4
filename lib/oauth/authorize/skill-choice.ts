import { hashToken } from '../../crypto/hash.ts'
import { ACTIVE_SKILLS, SKILLS, type Skill } from '../../model/skills.ts'

/** How many clients a browser remembers choices for. */
const MAX_CHOICES = 12

/** A year, in seconds. */
const COOKIE_TTL = 365 * 86_400

/**
 * The cookie that holds what a user ticked last time, client by client. It only decides what is ticked when the
 * page comes again; the page always comes, and nothing is granted by this.
 */
export function createChoiceCookie(baseUrl: string) {
  const isSecure = baseUrl.startsWith('https:')
  return {
    name: isSecure ? '__Host-sentry-mcp-choices' : 'sentry-mcp-choices',
    options: { path: '/', httpOnly: true, secure: isSecure, sameSite: 'lax', maxAge: COOKIE_TTL },
  } as const
}

/** What was ticked for this client last time; undefined where nothing is remembered. */
export function readChoice(cookie: string | undefined, clientId: string): Skill[] | undefined {
  const digits = parseChoices(cookie).get(nameClient(clientId))
  return digits === undefined ? undefined : ACTIVE_SKILLS.filter((_, index) => digits[index] === '1')
}

/** The cookie with this choice in it, and the oldest left out where there are too many. */
export function rememberChoice(
  cookie: string | undefined,
  clientId: string,
  skills: readonly Skill[],
): string {
  const choices = parseChoices(cookie)
  choices.delete(nameClient(clientId))
  choices.set(
    nameClient(clientId),
    ACTIVE_SKILLS.map((skill) => (skills.includes(skill) ? '1' : '0')).join(''),
  )
  return [...choices]
    .slice(-MAX_CHOICES)
    .map(([name, digits]) => `${name}.${digits}`)
    .join('~')
}

/**
 * The skills on offer, and whether each is ticked: as last time, else as the operator has it, and only where the
 * scopes of the request let the skill do something.
 */
export function preselectSkills(
  offered: ReadonlyMap<Skill, boolean>,
  scope: readonly string[],
  remembered: readonly Skill[] | undefined,
): Map<Skill, boolean> {
  return new Map(
    [...offered].map(([skill, isDefault]) => {
      const scopes: readonly string[] = SKILLS[skill].scopes
      const isCovered = scopes.length === 0 || scopes.some((needed) => scope.includes(needed))
      return [skill, isCovered && (remembered?.includes(skill) ?? isDefault)]
    }),
  )
}

/** As much of a client id's hash as tells a dozen clients apart. */
function nameClient(clientId: string): string {
  return hashToken(clientId).slice(0, 12)
}

function parseChoices(cookie = ''): Map<string, string> {
  const entries = cookie.split('~').map((entry) => entry.split('.'))
  return new Map(
    entries.filter((entry): entry is [string, string] => /^[\w-]{12}\.[01]{1,16}$/.test(entry.join('.'))),
  )
}
