import { startDocsSite } from '../sandbox/docs-site.ts'
import { type SentrySandbox, startSentry } from '../sandbox/sentry/server.ts'
import { startOfficialServer } from '../stand-in/official-server.ts'
import type { ToolCall } from '../stand-in/tool-calls.ts'
import { registerClient } from '../support/client.ts'
import type { Lifetime } from '../support/lifetime.ts'
import { readFence } from '../support/mcp-service.ts'
import { startService, useEmbeddedStore } from '../support/service.ts'
import { describeRequest, normalize, type Outcome } from './compare.ts'

/** A server with a Sentry of its own. */
export interface ServerUnderTest {
  sentry: SentrySandbox
  call(tool: ToolCall): Promise<Outcome>
}

interface Result {
  isError?: boolean
  content?: unknown
  structuredContent?: unknown
  _meta?: object
}

/** Starts Sentry's own stdio server and this service, each with a Sentry that has the same data. */
export async function startServers(
  t: Lifetime,
  now: number,
): Promise<[official: ServerUnderTest, ours: ServerUnderTest]> {
  const docs = await startDocsSite()
  t.teardown(() => docs.close())
  const start = async () => {
    const sentry = await startSentry({ now, seerPolls: 0 })
    t.teardown(() => sentry.close())
    return sentry
  }
  const [theirs, own] = [await start(), await start()]
  const { accessToken } = theirs.issueTokens()
  const official = await startOfficialServer(theirs.host, accessToken, docs.url)
  t.teardown(() => official.close())
  const settings = {
    ...useEmbeddedStore(t),
    MCP_URL: docs.url,
    DIRECT_SEARCH: 'true',
    RATE_LIMIT_MCP: '0',
    LOG_LEVEL: 'silent',
  }
  const { url } = await startService(t, { settings, sharedSentry: own })
  const { access_token: token } = await (await registerClient(url)).signIn()
  return [
    { sentry: theirs, call: (tool) => observe(theirs, () => official.request(tool) as Promise<Result>) },
    { sentry: own, call: (tool) => observe(own, () => callService(`${url}/mcp`, token, tool)) },
  ]
}

async function observe(sentry: SentrySandbox, call: () => Promise<Result>): Promise<Outcome> {
  const before = sentry.requests.length
  const result = await call().catch((error: unknown): Result => ({ isError: true, content: String(error) }))
  const { isError = false, structuredContent } = result
  const { content, isMarked } = readMarked(result)
  return {
    failed: isError,
    isMarked,
    content: normalize(JSON.stringify({ content, structuredContent }), sentry.host),
    requests: sentry.requests
      .slice(before)
      .map((request) => normalize(describeRequest(request), sentry.host))
      .sort(),
  }
}

/** The content without fences and labels, and whether there were any. */
function readMarked({ content, _meta }: Result): { content: unknown; isMarked: boolean } {
  if (!Array.isArray(content)) return { content, isMarked: _meta !== undefined }
  let isMarked = _meta !== undefined
  const plain = content.map(({ _meta: label, ...part }: { _meta?: object; text?: string }) => {
    const fenced = part.text === undefined ? undefined : readFence(part.text)
    isMarked ||= label !== undefined || fenced !== undefined
    return fenced === undefined ? part : { ...part, text: fenced.inside }
  })
  return { content: plain, isMarked }
}

async function callService(url: string, token: string, params: ToolCall): Promise<Result> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'application/json',
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params }),
  })
  const { result, error } = (await response.json()) as { result?: Result; error?: { message: string } }
  return result ?? { isError: true, content: error?.message }
}
