import type { SentryUser } from './accounts.ts'
import type { Organization, Project } from './data.ts'

/** Shapes that several routes share. Each view returns one shape of the API. */

export type Json = Record<string, unknown>

/** A letter in a coloured square, which is what people and teams without a picture have. */
export const LETTER_AVATAR: Json = { avatarType: 'letter_avatar', avatarUuid: null, avatarUrl: null }

/** A user as other objects name them, who made a dashboard or resolved an issue. */
export function showUser({ id, name, email }: SentryUser): Json {
  return {
    id,
    name: name ?? email,
    username: email,
    email,
    avatarUrl: `https://gravatar.example/avatar/${id}?s=32&d=mm`,
    isActive: true,
    isSuspended: false,
    hasPasswordAuth: true,
    isManaged: false,
    dateJoined: '2025-01-20T08:15:30.123456Z',
    lastLogin: '2026-01-12T07:02:11.804213Z',
    has2fa: true,
    lastActive: '2026-01-12T09:40:52.113907Z',
    isSuperuser: false,
    isStaff: false,
    experiments: {},
    emails: [{ id, email, is_verified: true }],
    avatar: LETTER_AVATAR,
    identities: [],
  }
}

export function summarizeProject({ id, slug, name, platform }: Project): Json {
  return { id, slug, name, platform }
}

/** The colour that Sentry derives from a slug; any colour does. */
export function pickColor(slug: string): string {
  const hue = [...slug].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 16
  return `#${hue.toString(16).repeat(2)}70bf`
}

/** Releases of a project, newest first. */
export function findLatestVersion({ releases }: Organization, project: Project): string | undefined {
  return releases.find(({ projects }) => projects.includes(project))?.version
}
