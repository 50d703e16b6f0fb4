import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Test, test } from 'tap'
import { callOf, readText, startMcp } from '../../../support/mcp-service.ts'

const PLAIN_LANGUAGE = { organizationSlug: 'tidewater-books', query: 'what broke the checkout yesterday' }

test('with an AI provider the search tools are on, and call OPENAI_BASE_URL with its key', async (t) => {
  const provider = await startProvider(t, (response) => response.writeHead(401).end('{"error":{}}'))
  const service = await startMcp(t, { settings: provider.settings })
  const listed = await service.list()
  for (const name of ['search_events', 'search_issues', 'search_issue_events'])
    t.ok(listed.includes(name), name)
  const result = await service.call('search_issues', PLAIN_LANGUAGE)
  t.equal(provider.requests[0]?.headers.authorization, 'Bearer key-of-the-provider')
  t.match(provider.requests[0]?.url, /^\/v1\/responses/)
  t.notMatch(readText(result), /key-of-the-provider/)
  t.notMatch(service.log.join(''), /key-of-the-provider/)
})

test('a client that disconnects aborts the request to the AI provider', async (t) => {
  const provider = await startProvider(t, () => undefined)
  const service = await startMcp(t, { settings: provider.settings })
  const controller = new AbortController()
  const call = service.post(callOf('search_issues', PLAIN_LANGUAGE), { signal: controller.signal })
  while (provider.requests.length === 0) await sleep(10)
  const closed = new Promise((resolve) => provider.requests[0]?.socket.once('close', () => resolve('closed')))
  controller.abort()
  await t.rejects(call)
  t.equal(await Promise.race([closed, sleep(2_000, 'open')]), 'closed')
})

test('a timeout of the AI provider is an expected tool error', async (t) => {
  const provider = await startProvider(t, () => undefined)
  const timeouts = { sentryMs: 5_000, otherMs: 50 }
  const service = await startMcp(t, { settings: provider.settings, timeouts })
  const text = readText(await service.call('search_issues', PLAIN_LANGUAGE))
  t.notMatch(text, /reference/, text)
})

async function startProvider(t: Test, respond: (response: ServerResponse) => unknown) {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    respond(response)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const settings = {
    OPENAI_API_KEY: 'key-of-the-provider',
    OPENAI_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
  }
  return { requests, settings }
}
