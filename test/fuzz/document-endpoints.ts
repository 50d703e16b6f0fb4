import { createCodeChallenge } from '../../lib/crypto/pkce.ts'
import { type Endpoint, write } from './endpoint.ts'
import { type Fixture, REDIRECT_URI, STATE, VERIFIER } from './fixture.ts'
import { type JsonInput, jsonInput, writeJson } from './json-input.ts'
import { CLIENT_NAME } from './odd-values.ts'
import { assertPage, assertRedirect, expect } from './response-rules.ts'

/** In bytes. */
const MAX_DOCUMENT = 5 * 1024

/** The endpoints that read CIMD documents. */
export function createDocumentEndpoints(fixture: Fixture): Endpoint[] {
  return [createAuthorizeByDocument(fixture) as Endpoint]
}

/** An authorization request of a CIMD client with a malformed document. */
function createAuthorizeByDocument(fixture: Fixture): Endpoint<JsonInput> {
  const { documents } = fixture
  let count = 0
  let body: Buffer = Buffer.alloc(0)
  return {
    name: 'CIMD documents',
    inputs: jsonInput,
    async prepare(input) {
      count += 1
      const path = `/clients/${count}`
      const id = documents.locate(path)
      const document = {
        client_id: id,
        client_name: CLIENT_NAME,
        redirect_uris: [REDIRECT_URI],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
        jwks: { keys: [] },
        logo_uri: 'https://client.example/logo.png',
      }
      body = writeJson(document, input)
      documents.pages.clear()
      documents.requests.length = 0
      documents.pages.set(path, (_request, response) => {
        response.writeHead(200, { 'content-type': findType(input) })
        response.end(body)
      })
      const query = new URLSearchParams({
        client_id: id,
        redirect_uri: REDIRECT_URI,
        response_type: 'code',
        code_challenge: createCodeChallenge(VERIFIER),
        code_challenge_method: 'S256',
        state: STATE,
      })
      const request = write(fixture, { method: 'GET', url: `/oauth/authorize?${query}` }, { headers: [] })
      // A requester for each, since one has few new documents fetched in a minute.
      const remoteAddress = `10.${count >> 16}.${(count >> 8) & 255}.${count & 255}`
      return { ...request, remoteAddress }
    },
    // A host that sends anything but a small JSON document counts as unavailable.
    mayBeUnavailable: (input) => !isDocument(body, findType(input)),
    assertRules(response) {
      if (response.statusCode === 302) {
        assertRedirect(response, { registered: REDIRECT_URI, issuer: fixture.url, state: STATE })
        return
      }
      expect(
        [200, 400, 503].includes(response.statusCode),
        'the page is right or says what is wrong',
        response,
      )
      assertPage(response)
    },
  }
}

function findType({ headers }: JsonInput): string {
  return new Map(headers).get('content-type') ?? 'application/json'
}

function isDocument(body: Buffer, type: string): boolean {
  if (body.length > MAX_DOCUMENT || !/^application\/json\b/.test(type)) return false
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
    return true
  } catch {
    return false
  }
}
