import { setTimeout as sleep } from 'node:timers/promises'
import { createTestClient, type Tokens } from '../support/client.ts'
import { postMcp } from '../support/mcp.ts'

/** What was answered, when, and after how long. */
export interface Answer {
  kind: string
  status: number
  text: string
  retryAfter: string | null
  startedAt: number
  /** ms */
  took: number
}

export interface Probes {
  readonly answers: readonly Answer[]
  /** Kinds that have been answered well by a request that began at or after a moment. */
  listWell(since: number): Set<string>
  /** Resolves to the tokens that the refreshing client has by now. */
  stop(): Promise<Tokens>
}

export const KINDS = ['call', 'refresh', 'authorize', 'register']

/** How long a client waits between two requests, in ms. */
const PAUSE = 50

/**
 * Clients that go on asking while something fails: one calls tools, one exchanges its refresh token again and again
 * and keeps the old one while it gets no new one, one begins to sign in, and one registers.
 */
export function startProbes(url: string, clientId: string, caller: Tokens, refresher: Tokens): Probes {
  const client = createTestClient(url, clientId, 'http://127.0.0.1:41998/callback')
  const answers: Answer[] = []
  let tokens = refresher
  let isOn = true

  async function ask(kind: string, send: () => Promise<Response>, read?: (text: string) => void) {
    while (isOn) {
      const startedAt = Date.now()
      const answer = { kind, status: 0, text: '', retryAfter: null as string | null, startedAt, took: 0 }
      try {
        const response = await send()
        answer.status = response.status
        answer.retryAfter = response.headers.get('retry-after')
        answer.text = await response.text()
      } catch (error) {
        answer.text = String(error)
      }
      answer.took = Date.now() - startedAt
      answers.push(answer)
      if (answer.status === 200) read?.(answer.text)
      await sleep(PAUSE)
    }
  }

  const registration = { client_name: 'Probe', redirect_uris: [client.redirectUri] }
  const done = Promise.all([
    ask('call', () => postMcp(`${url}/mcp`, caller.access_token, 'tools/list')),
    ask(
      'refresh',
      () => client.refresh(tokens.refresh_token),
      (text) => {
        tokens = JSON.parse(text)
      },
    ),
    ask('authorize', () => fetch(client.createAuthorizeUrl(), { redirect: 'manual' })),
    ask('register', () =>
      fetch(`${url}/oauth/register`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(registration),
      }),
    ),
  ])

  return {
    answers,
    listWell: (since) =>
      new Set(
        answers.filter((answer) => answer.startedAt >= since && isWell(answer)).map(({ kind }) => kind),
      ),
    async stop() {
      isOn = false
      await done
      return tokens
    },
  }
}

export function isWell({ status }: Answer): boolean {
  return status === 200 || status === 201
}

/** The one answer on which clients keep what they have, in the form that the one who asked reads. */
export function isPassing({ kind, status, text, retryAfter }: Answer): boolean {
  const says = kind === 'authorize' ? /<!doctype html>/i : /temporarily_unavailable/
  return status === 503 && retryAfter !== null && says.test(text)
}
