import { startDocsSite } from '../sandbox/docs-site.ts'
import type { SentryRelease } from '../sandbox/sentry/releases.ts'
import type { SentResponse } from '../sandbox/sentry/request-log.ts'
import { startSentry } from '../sandbox/sentry/server.ts'
import { startOfficialServer } from './official-server.ts'
import { listToolCalls } from './tool-calls.ts'

export interface ToolWalk {
  calls: { name: string /** Undefined where the call succeeded. */; problem: string | undefined }[]
  /** What the stand-in responded, in order. */
  responses: SentResponse[]
}

/** What only the AI agents of search tools ask, which need a model. */
const AGENT_REQUESTS = ['tags/', 'trace-items/attributes/?itemType=spans']

/** Has Sentry's own stdio server call every tool at a stand-in, by default the newest Sentry with every feature. */
export async function walkTools(release?: SentryRelease): Promise<ToolWalk> {
  await using closing = new AsyncDisposableStack()
  const responses: SentResponse[] = []
  const sentry = await startSentry({
    ...(release === undefined ? {} : { release }),
    seerPolls: 0,
    onResponse: (response) => responses.push(response),
  })
  closing.defer(() => sentry.close())
  const docs = await startDocsSite()
  closing.defer(() => docs.close())
  const { accessToken } = sentry.issueTokens()
  const server = await startOfficialServer(sentry.host, accessToken, docs.url)
  closing.defer(() => server.close())

  const calls: ToolWalk['calls'] = []
  for (const call of listToolCalls(sentry.data))
    calls.push({ name: call.name, problem: await server.call(call) })
  for (const path of AGENT_REQUESTS) {
    const url = `${sentry.url}/api/0/organizations/tidewater-books/${path}`
    await fetch(url, { headers: { authorization: `Bearer ${accessToken}` } })
  }
  return { calls, responses }
}
