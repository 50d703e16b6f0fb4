import { type Test, test } from 'tap'
import { createTestClient, type TestClient } from '../../support/client.ts'
import { respondWithJson, startDocumentHost } from '../../support/document-host.ts'
import { startService, useEmbeddedStore } from '../../support/service.ts'

const REDIRECT_URI = 'http://127.0.0.1:41998/callback'
const KEYS = { ENCRYPTION_KEY: 'e'.repeat(32), JWT_SIGNING_KEY: 'j'.repeat(32) }

/** A client that is known by its document, and an instance that has never read the document. */
async function start(t: Test, changes: object = {}) {
  const host = await startDocumentHost(t)
  const settings = { ...useEmbeddedStore(t), ...KEYS, CLIENT_ID_METADATA_DOCUMENTS: 'true' }
  const service = await startService(t, { settings, network: host.network })
  const id = host.locate('/client.json')
  const document = { client_id: id, client_name: 'Documented', redirect_uris: [REDIRECT_URI], ...changes }
  host.pages.set('/client.json', respondWithJson(document))
  return { host, service, client: createTestClient(service.url, id, REDIRECT_URI) }
}

const floodWith = async (client: TestClient, host: { locate(path: string): string }, count: number) => {
  const statuses: number[] = []
  for (let number = 0; number < count; number += 1) {
    const response = await client.requestToken({
      grant_type: 'refresh_token',
      refresh_token: 'x',
      client_id: host.locate(`/made-up-${number}`),
    })
    statuses.push(response.status)
  }
  return statuses
}

test('a public client refreshes and revokes without its document (CIMD, security considerations on fetching)', async (t) => {
  const { host, service, client } = await start(t)
  const { refresh_token } = await client.signIn()
  host.requests.length = 0
  host.pages.clear()
  const refreshed = await client.refresh(refresh_token)
  t.equal(refreshed.status, 200)
  const next = (await refreshed.json()) as { refresh_token: string }
  const revoked = await fetch(`${service.url}/oauth/revoke`, {
    method: 'POST',
    body: new URLSearchParams({ client_id: client.id, token: next.refresh_token }),
  })
  t.equal(revoked.status, 200)
  t.match(await (await client.refresh(next.refresh_token)).json(), { error: 'invalid_grant' })
  t.equal((await client.refresh(refresh_token, { client_id: host.locate('/other.json') })).status, 503)
})

test('strangers who name made-up documents lock no client out, and get 20 fetches a minute', async (t) => {
  const { host, client } = await start(t)
  const { refresh_token } = await client.signIn()
  host.requests.length = 0
  t.same(new Set(await floodWith(client, host, 100)), new Set([503]))
  t.ok(host.requests.length <= 20)
  t.equal((await client.refresh(refresh_token)).status, 200)
  t.ok((await client.authorize()).searchParams.get('code'), 'and a new sign-in works')
})

test('a proof that a public client sends is refused, and never passed over (RFC 6749 §2.3)', async (t) => {
  const { host, client } = await start(t)
  const { refresh_token } = await client.signIn()
  const proof = {
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: 'x',
  }
  t.equal((await client.refresh(refresh_token, proof)).status, 400, 'a proof is never ignored')
  t.equal((await client.refresh(refresh_token, { client_secret: 'x' })).status, 400)
  host.pages.clear()
  t.equal((await client.refresh(refresh_token)).status, 200)
})
