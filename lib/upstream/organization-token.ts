import { isSlug } from '../model/resource.ts'

const PREFIX = 'sntrys_'

/** What Sentry lets a token of an organization do (`org:ci`), for the user of a tool that needs more. */
export const ORGANIZATION_TOKEN_LIMIT =
  'This connection uses a token of an organization (sntrys_), with which Sentry only lists releases and accepts uploads. This tool needs a token of a user or of an internal integration.'

export function isOrganizationToken(token: string): boolean {
  return token.startsWith(PREFIX)
}

/**
 * The slug of the organization that a token belongs to, from its payload; undefined if it has none. Nothing is verified:
 * Sentry does that. Source: src/sentry/utils/security/orgauthtoken_token.py.
 */
export function readTokenOrganization(token: string): string | undefined {
  const [payload = ''] = token.slice(PREFIX.length).split('_')
  try {
    const { org }: { org?: unknown } = JSON.parse(Buffer.from(payload, 'base64').toString('utf8'))
    return typeof org === 'string' && isSlug(org) ? org : undefined
  } catch {
    return undefined
  }
}
