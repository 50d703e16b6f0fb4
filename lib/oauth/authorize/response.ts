import type { OAuthError, ProvenRedirect } from '../errors.ts'

/** What an authorization response carries; a redirect URI that already has one of these loses it. */
const PARAMETERS = ['code', 'error', 'error_description', 'error_uri', 'state', 'iss']

/** The URL that takes a user back to the client with a code (RFC 6749 §4.1.2, RFC 9207 §2). */
export function createCodeResponse(redirect: ProvenRedirect, issuer: string, code: string): string {
  return createResponse(redirect, issuer, { code })
}

/** The URL that takes a user back to the client with an error (RFC 6749 §4.1.2.1, RFC 9207 §2). */
export function createErrorResponse(redirect: ProvenRedirect, issuer: string, error: OAuthError): string {
  return createResponse(redirect, issuer, { error: error.code, error_description: error.message })
}

function createResponse(redirect: ProvenRedirect, issuer: string, result: Record<string, string>): string {
  const url = new URL(redirect.redirectUri)
  const answer = new URLSearchParams(result)
  if (redirect.state !== undefined) answer.append('state', redirect.state)
  answer.append('iss', issuer)
  // A blank is %20 to every reader; some clients show the + of a form as it stands.
  const spelled = answer.toString().replaceAll('+', '%20')
  url.search = [...readOwnQuery(url), spelled].join('&')
  return url.href
}

/** The client's own query, kept byte for byte (RFC 6749 §3.1.2), which `url.searchParams` would spell anew. */
function readOwnQuery(url: URL): string[] {
  return url.search
    .slice(1)
    .split('&')
    .filter((pair) => pair !== '' && ![...new URLSearchParams(pair).keys()].some(isOurs))
}

function isOurs(name: string): boolean {
  return PARAMETERS.includes(name)
}
