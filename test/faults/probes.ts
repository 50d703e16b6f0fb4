import { setTimeout as sleep } from 'node:timers/promises'
import { createTestClient, type Tokens } from '../support/client.ts'
import { postMcp } from '../support/mcp.ts'

/** A response and its timing. */
export interface ProbeResponse {
  kind: string
  status: number
  text: string
  retryAfter: string | null
  startedAt: number
  tookMs: number
}

export interface Probes {
  readonly responses: readonly ProbeResponse[]
  /** The kinds of which a request that began at or after a moment has succeeded. */
  listSucceeded(since: number): Set<string>
  /** Stops all clients, and resolves to the latest tokens of the one that refreshes. */
  stop(): Promise<Tokens>
}

export const KINDS = ['call', 'refresh', 'authorize', 'register']

/** Between two requests of a client. */
const INTERVAL_MS = 50

/**
 * Clients that send requests during a fault: one calls tools, one exchanges its refresh token again and again and keeps
 * the old one while it gets no new one, one begins to sign in, and one registers.
 */
export function startProbes(url: string, clientId: string, caller: Tokens, refresher: Tokens): Probes {
  const client = createTestClient(url, clientId, 'http://127.0.0.1:41998/callback')
  const responses: ProbeResponse[] = []
  let tokens = refresher
  let isOn = true

  async function repeat(kind: string, send: () => Promise<Response>, read?: (text: string) => void) {
    while (isOn) {
      const startedAt = Date.now()
      const probe = { kind, status: 0, text: '', retryAfter: null as string | null, startedAt, tookMs: 0 }
      try {
        const response = await send()
        probe.status = response.status
        probe.retryAfter = response.headers.get('retry-after')
        probe.text = await response.text()
      } catch (error) {
        probe.text = String(error)
      }
      probe.tookMs = Date.now() - startedAt
      responses.push(probe)
      if (probe.status === 200) read?.(probe.text)
      await sleep(INTERVAL_MS)
    }
  }

  const registration = { client_name: 'Probe', redirect_uris: [client.redirectUri] }
  const done = Promise.all([
    repeat('call', () => postMcp(`${url}/mcp`, caller.access_token, 'tools/list')),
    repeat(
      'refresh',
      () => client.refresh(tokens.refresh_token),
      (text) => {
        tokens = JSON.parse(text)
      },
    ),
    repeat('authorize', () => fetch(client.createAuthorizeUrl(), { redirect: 'manual' })),
    repeat('register', () =>
      fetch(`${url}/oauth/register`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(registration),
      }),
    ),
  ])

  return {
    responses,
    listSucceeded: (since) =>
      new Set(
        responses.filter((probe) => probe.startedAt >= since && isSuccess(probe)).map(({ kind }) => kind),
      ),
    async stop() {
      isOn = false
      await done
      return tokens
    },
  }
}

export function isSuccess({ status }: ProbeResponse): boolean {
  return status === 200 || status === 201
}

/** Whether a response says that the fault is temporary, in the format of its endpoint: clients then keep their tokens. */
export function isTemporary({ kind, status, text, retryAfter }: ProbeResponse): boolean {
  const says = kind === 'authorize' ? /<!doctype html>/i : /temporarily_unavailable/
  return status === 503 && retryAfter !== null && says.test(text)
}
