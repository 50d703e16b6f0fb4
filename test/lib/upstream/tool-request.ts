import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import { SignInRequiredError } from '../../../lib/upstream/access.ts'
import { createUpstreamBudget } from '../../../lib/upstream/budget.ts'
import { createSentryLocation } from '../../../lib/upstream/location.ts'
import { DEFAULT_TIMEOUTS, runUpstreamCall, type UpstreamCall } from '../../../lib/upstream/tool-call.ts'
import { fetchUpstream, TOKEN_PLACEHOLDER } from '../../../lib/upstream/tool-fetch.ts'

/** The options with which a tool asks Sentry. */
export const AUTHORIZED = { headers: { Authorization: `Bearer ${TOKEN_PLACEHOLDER}` } }

/** Requests something as a tool of that call. */
export function fetchIn(call: UpstreamCall, url: string | Request, init?: RequestInit): Promise<Response> {
  return runUpstreamCall(call, () => fetchUpstream(url, init))
}

/** A call at the Sentry of that origin. */
export function createCall(origin: string, caller: Partial<UpstreamCall['caller']> = {}): UpstreamCall {
  const { protocol, host } = new URL(origin)
  return {
    signal: new AbortController().signal,
    sentry: createSentryLocation({
      SENTRY_HOST: host,
      SENTRY_PROTOCOL: protocol === 'https:' ? 'https' : 'http',
    }),
    timeouts: DEFAULT_TIMEOUTS,
    share: createUpstreamBudget().open('user', new AbortController().signal),
    largeFiles: new Map(),
    leftOut: [],
    accessToken: 'the token',
    caller: {
      constraints: {},
      renewAccessToken: () => Promise.reject(new SignInRequiredError('No renewal.')),
      ...caller,
    },
  }
}

/** A host on loopback, with the requests that it received. */
export async function startHost(
  t: Test,
  respond = (_request: IncomingMessage, response: ServerResponse): unknown => response.end('{}'),
): Promise<{ origin: string; requests: IncomingMessage[] }> {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    respond(request, response)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests }
}
