/**
 * The absolute URLs of this server, all made from BASE_URL and never from a request: the issuer is the same
 * bytes in metadata, tokens and `iss` (RFC 8414 §3.3, RFC 9207 §2.4).
 */
export interface Endpoints {
  issuer: string
  authorization: string
  consent: string
  callback: string
  token: string
  registration: string
  revocation: string
  /** The page on which users see their connected clients; what its forms are posted to is below it. */
  account: string
  /** The page that says how to connect a client. */
  home: string
  /** The origin that browsers name when they post a form of ours. */
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
