import { redactInput } from './redact.ts'

/** The client that a request comes from, as far as the request has told so far. */
export interface RequestClient {
  id?: string | undefined
  /** Normalized (`normalizeClientName`). */
  name?: string | undefined
  /** As the request has it, verified or not; a registration has several. */
  redirectUri?: string | readonly string[] | undefined
}

/** Why a request was refused. */
export interface Refusal {
  /** An OAuth error code, or `refused` for an error page. */
  code: string
  /** The sentence that the client or user gets, or a more precise one. */
  description: string
}

/** The fields that the line of a request has beyond those of every request; undefined ones are not written. */
export interface RequestDetails {
  code: string | undefined
  description: string | undefined
  client_name: string | undefined
  redirect_host: string | undefined
}

const MAX_DESCRIPTION = 500
const MAX_HOST = 100

/** A client rarely registers more. */
const MAX_HOSTS = 3

/** What the line of a request says about its client, and about why it was refused. */
export function describeRequest(
  client: RequestClient | undefined,
  refusal: Refusal | undefined,
): RequestDetails {
  return {
    code: refusal?.code,
    description: refusal && redactInput(refusal.description, MAX_DESCRIPTION),
    client_name: client?.name,
    redirect_host: describeHosts(client?.redirectUri),
  }
}

function describeHosts(uris: RequestClient['redirectUri']): string | undefined {
  const hosts = new Set([uris ?? []].flat().slice(0, MAX_HOSTS).map(describeHost))
  return hosts.size === 0 ? undefined : [...hosts].join(', ')
}

/** The host of a redirect URI; with its scheme where that is private-use, and only the scheme where there is no host. */
function describeHost(uri: string): string {
  const url = URL.parse(uri)
  if (url === null) return 'not a URL'
  const isWeb = url.protocol === 'https:' || url.protocol === 'http:'
  return redactInput(isWeb ? url.host : `${url.protocol}//${url.host}`, MAX_HOST)
}
