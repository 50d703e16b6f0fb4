/**
 * The absolute URLs of this server, made from BASE_URL and never from a request: the issuer has to be the same bytes in
 * metadata, tokens and `iss` (RFC 8414 §3.3, RFC 9207 §2.4).
 */
export interface Endpoints {
  issuer: string
  authorization: string
  consent: string
  callback: string
  token: string
  registration: string
  revocation: string
  /** The page of a user's connected clients; its forms are posted to paths below it. */
  account: string
  /** The set-up page. */
  home: string
  /** The `Origin` header of the forms of our pages. */
  origin: string
}

export function createEndpoints(baseUrl: string): Endpoints {
  return {
    issuer: baseUrl,
    authorization: `${baseUrl}/oauth/authorize`,
    consent: `${baseUrl}/oauth/consent`,
    callback: `${baseUrl}/oauth/callback`,
    token: `${baseUrl}/oauth/token`,
    registration: `${baseUrl}/oauth/register`,
    revocation: `${baseUrl}/oauth/revoke`,
    account: `${baseUrl}/account`,
    home: `${baseUrl}/`,
    origin: new URL(baseUrl).origin,
  }
}
