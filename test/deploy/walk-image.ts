/**
 * Starts a Sentry at a port and goes the whole way of a client at a service that runs elsewhere. Called by
 * deploy/test-image.sh: `walk-image.ts <service url> <port of Sentry> <client id> <client secret>`.
 */
import { startSentry } from '../sandbox/sentry/server.ts'
import { walk } from '../sandbox/walk/walk.ts'

const [url = '', port, clientId, clientSecret] = process.argv.slice(2)
const sentry = await startSentry({
  port: Number(port),
  clientId,
  clientSecret,
  redirectUris: [`${url}/oauth/callback`],
})
try {
  const { tools } = await walk(`${url}/mcp`)
  process.stdout.write(`signed in, ${tools.length} tools, three of them called\n`)
} finally {
  await sentry.close()
}
