import type { LightMyRequestResponse as Response } from 'fastify'
import { createCodeChallenge } from '../../lib/crypto/pkce.ts'
import { type Endpoint, FORM, namesDocument, write } from './endpoint.ts'
import { REDIRECT_URI, type Scene, STATE, VERIFIER } from './fixture.ts'
import { type FormInput, formInput, type Pairs, writePairs, writeQuery } from './form-input.ts'
import { type JsonInput, jsonInput, writeJson } from './json-input.ts'
import { CLIENT_NAME } from './odd-values.ts'
import { checkOAuthError, checkPage, checkRedirect, expect, readJson } from './response-rules.ts'

/** What a client and a browser ask for until the client has a code. */
export function createAuthorizationEndpoints(scene: Scene): Endpoint[] {
  const endpoints = [
    createRegister(scene),
    createAuthorize(scene),
    createConsent(scene),
    createCallback(scene),
  ]
  return endpoints.map((endpoint) => endpoint as Endpoint)
}

function createRegister(scene: Scene): Endpoint<JsonInput> {
  const document = {
    client_name: CLIENT_NAME,
    redirect_uris: [
      REDIRECT_URI,
      'http://localhost:3334/callback',
      'cursor://anysphere.cursor-mcp/oauth/callback',
    ],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    application_type: 'native',
    scope: 'org:read',
  }
  return {
    name: 'register',
    inputs: jsonInput,
    async prepare(input) {
      const payload = writeJson(document, input)
      return write(scene, { method: 'POST', url: '/oauth/register', payload }, input, {
        'content-type': 'application/json',
      })
    },
    check(answer) {
      if (answer.statusCode !== 201) return checkOAuthError(answer)
      const { client_id: id, redirect_uris: uris, client_name: name } = readJson(answer)
      expect(typeof id === 'string' && /^[\x21-\x7e]{20,2000}$/.test(id), 'there is a client_id', answer)
      expect(Array.isArray(uris) && uris.length > 0, 'there are redirect URIs', answer)
      expect(
        typeof name === 'string' && !/[\p{C}\p{Zl}\p{Zp}]/u.test(name),
        'the name is a clean one',
        answer,
      )
    },
  }
}

function createAuthorize(scene: Scene): Endpoint<FormInput> {
  const pairs: Pairs = [
    ['client_id', scene.clientId],
    ['redirect_uri', REDIRECT_URI],
    ['response_type', 'code'],
    ['code_challenge', createCodeChallenge(VERIFIER)],
    ['code_challenge_method', 'S256'],
    ['state', STATE],
    ['resource', scene.getResource('/mcp')],
    ['scope', 'org:read project:read'],
  ]
  return {
    name: 'authorize',
    inputs: formInput,
    mayBeAway: (_input, { url }) => namesDocument(String(url)),
    prepare: async (input) =>
      write(scene, { method: 'GET', url: `/oauth/authorize?${writeQuery(pairs, input)}` }, input),
    check(answer, { url }) {
      if (answer.statusCode !== 302) {
        expect(
          [200, 400, 503].includes(answer.statusCode),
          'a page is a good one or says what is wrong',
          answer,
        )
        return checkPage(answer)
      }
      const query = String(url).split('?').slice(1).join('?')
      // A text that is not encoded well has no one meaning.
      const [sent, ...others] = isWellEncoded(query) ? new URLSearchParams(query).getAll('state') : []
      const state = others.length === 0 ? sent || undefined : undefined
      checkRedirect(answer, { registered: REDIRECT_URI, issuer: scene.url, state })
    },
  }
}

function createConsent(scene: Scene): Endpoint<FormInput> {
  let begun: ReturnType<Scene['begin']> | undefined
  return {
    name: 'consent',
    inputs: formInput,
    async prepare(input) {
      begun ??= scene.begin('pending')
      const { transaction, csrf, cookie } = await begun
      const pairs: Pairs = [
        ['transaction', transaction],
        ['csrf', csrf],
        ['decision', 'allow'],
        ['skill', 'inspect'],
        ['skill', 'triage'],
      ]
      const headers = { ...FORM, cookie, origin: scene.url, 'sec-fetch-site': 'same-origin' }
      const payload = writePairs(pairs, input)
      return write(scene, { method: 'POST', url: '/oauth/consent', payload }, input, headers)
    },
    check(answer) {
      if (answer.statusCode !== 303) return checkErrorPage(answer)
      const location = String(answer.headers.location)
      if (location.startsWith(`${scene.sentry.url}/oauth/authorize/?`)) return
      // The user said no, which ends the transaction.
      begun = undefined
      checkRedirect(answer, { registered: REDIRECT_URI, issuer: scene.url, state: STATE })
    },
  }
}

function createCallback(scene: Scene): Endpoint<FormInput> {
  let begun: ReturnType<Scene['begin']> | undefined
  return {
    name: 'callback',
    inputs: formInput,
    async prepare(input) {
      begun ??= scene.begin('approved')
      const { transaction, cookie } = await begun
      const pairs: Pairs = [
        ['state', transaction],
        ['code', 'a'.repeat(64)],
        ['scope', 'org:read'],
      ]
      return write(scene, { method: 'GET', url: `/oauth/callback?${writeQuery(pairs, input)}` }, input, {
        cookie,
      })
    },
    check(answer) {
      if (answer.statusCode !== 302) return checkErrorPage(answer)
      begun = undefined
      const { registered, issuer, state } = { registered: REDIRECT_URI, issuer: scene.url, state: STATE }
      checkRedirect(answer, { registered, issuer, state })
    },
  }
}

function isWellEncoded(query: string): boolean {
  try {
    decodeURIComponent(query)
    return true
  } catch {
    return false
  }
}

function checkErrorPage(answer: Response): void {
  expect([400, 403].includes(answer.statusCode), 'a page says what is wrong', answer)
  checkPage(answer)
}
