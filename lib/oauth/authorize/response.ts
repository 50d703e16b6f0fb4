import type { OAuthError, VerifiedRedirect } from '../errors.ts'

/** The parameters of an authorization response, which are removed from the redirect URI's own query. */
const RESPONSE_PARAMETERS = ['code', 'error', 'error_description', 'error_uri', 'state', 'iss']

/** The URL that takes a user back to the client with a code (RFC 6749 §4.1.2, RFC 9207 §2). */
export function createCodeResponse(redirect: VerifiedRedirect, issuer: string, code: string): string {
  return createResponse(redirect, issuer, { code })
}

/** The URL that takes a user back to the client with an error (RFC 6749 §4.1.2.1, RFC 9207 §2). */
export function createErrorResponse(redirect: VerifiedRedirect, issuer: string, error: OAuthError): string {
  return createResponse(redirect, issuer, { error: error.code, error_description: error.message })
}

function createResponse(redirect: VerifiedRedirect, issuer: string, result: Record<string, string>): string {
  const url = new URL(redirect.redirectUri)
  const parameters = new URLSearchParams(result)
  if (redirect.state !== undefined) parameters.append('state', redirect.state)
  parameters.append('iss', issuer)
  // Every client decodes %20; some show the + of a form unchanged.
  const encoded = parameters.toString().replaceAll('+', '%20')
  url.search = [...readOwnQuery(url), encoded].join('&')
  return url.href
}

/** The redirect URI's own query, kept byte for byte (RFC 6749 §3.1.2); `url.searchParams` would re-encode it. */
function readOwnQuery(url: URL): string[] {
  return url.search
    .slice(1)
    .split('&')
    .filter((pair) => pair !== '' && ![...new URLSearchParams(pair).keys()].some(isResponseParameter))
}

function isResponseParameter(name: string): boolean {
  return RESPONSE_PARAMETERS.includes(name)
}
