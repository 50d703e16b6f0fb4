import { test } from 'tap'
import { startMcp } from '../support/mcp-service.ts'
import { startService, useEmbeddedStore } from '../support/service.ts'

const HEADERS = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' }

/** Headers that a response has by its body and not by a hook. */
const OF_THE_BODY = ['content-length', 'transfer-encoding', 'date']

test('the prepared list has every header that other responses have, though onSend hooks do not run', async (t) => {
  const settings = { ...useEmbeddedStore(t), SENTRY_TOKEN_PASSTHROUGH: 'true' }
  const { url, sentry } = await startService(t, { settings })
  const authorization = `Sentry-Bearer ${sentry.issueTokens().accessToken}`
  const listHeaders = async (method: string) => {
    const response = await fetch(`${url}/mcp`, {
      method: 'POST',
      headers: { ...HEADERS, authorization, origin: new URL(url).origin },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method }),
    })
    await response.arrayBuffer()
    return [...response.headers].filter(([name]) => !OF_THE_BODY.includes(name)).sort()
  }
  const list = await listHeaders('tools/list')
  t.ok(list.length > 3)
  t.same(list, await listHeaders('ping'))
})

test('a prepared list arrives whole, with its length, many at once', async (t) => {
  const service = await startMcp(t)
  const body = { jsonrpc: '2.0', id: 1, method: 'tools/list' }
  const responses = await Promise.all(Array.from({ length: 20 }, () => service.post(body)))
  for (const response of responses) {
    const text = await response.text()
    t.equal(Number(response.headers.get('content-length')), Buffer.byteLength(text))
    t.match(JSON.parse(text), { result: { tools: Array } })
  }
})
