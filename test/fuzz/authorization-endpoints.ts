import type { LightMyRequestResponse as Response } from 'fastify'
import { createCodeChallenge } from '../../lib/crypto/pkce.ts'
import { type Endpoint, FORM, namesDocument, write } from './endpoint.ts'
import { type Fixture, REDIRECT_URI, STATE, VERIFIER } from './fixture.ts'
import { type FormInput, formInput, type Pairs, writePairs, writeQuery } from './form-input.ts'
import { type JsonInput, jsonInput, writeJson } from './json-input.ts'
import { CLIENT_NAME } from './odd-values.ts'
import { assertOAuthError, assertPage, assertRedirect, expect, readJson } from './response-rules.ts'

/** The endpoints that a client and a browser use until the client has a code. */
export function createAuthorizationEndpoints(fixture: Fixture): Endpoint[] {
  const endpoints = [
    createRegister(fixture),
    createAuthorize(fixture),
    createConsent(fixture),
    createCallback(fixture),
  ]
  return endpoints.map((endpoint) => endpoint as Endpoint)
}

function createRegister(fixture: Fixture): Endpoint<JsonInput> {
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
      return write(fixture, { method: 'POST', url: '/oauth/register', payload }, input, {
        'content-type': 'application/json',
      })
    },
    assertRules(response) {
      if (response.statusCode !== 201) return assertOAuthError(response)
      const { client_id: id, redirect_uris: uris, client_name: name } = readJson(response)
      expect(
        typeof id === 'string' && /^[\x21-\x7e]{20,2000}$/.test(id),
        'the response has a client_id',
        response,
      )
      expect(Array.isArray(uris) && uris.length > 0, 'the response has redirect URIs', response)
      expect(
        typeof name === 'string' && !/[\p{C}\p{Zl}\p{Zp}]/u.test(name),
        'the name has no control characters',
        response,
      )
    },
  }
}

function createAuthorize(fixture: Fixture): Endpoint<FormInput> {
  const pairs: Pairs = [
    ['client_id', fixture.clientId],
    ['redirect_uri', REDIRECT_URI],
    ['response_type', 'code'],
    ['code_challenge', createCodeChallenge(VERIFIER)],
    ['code_challenge_method', 'S256'],
    ['state', STATE],
    ['resource', fixture.getResource('/mcp')],
    ['scope', 'org:read project:read'],
  ]
  return {
    name: 'authorize',
    inputs: formInput,
    mayBeUnavailable: (_input, { url }) => namesDocument(String(url)),
    prepare: async (input) =>
      write(fixture, { method: 'GET', url: `/oauth/authorize?${writeQuery(pairs, input)}` }, input),
    assertRules(response, { url }) {
      if (response.statusCode !== 302) {
        expect(
          [200, 400, 503].includes(response.statusCode),
          'the page is right or says what is wrong',
          response,
        )
        return assertPage(response)
      }
      const query = String(url).split('?').slice(1).join('?')
      // A malformed encoding is ambiguous.
      const [sent, ...others] = isWellEncoded(query) ? new URLSearchParams(query).getAll('state') : []
      const state = others.length === 0 ? sent || undefined : undefined
      assertRedirect(response, { registered: REDIRECT_URI, issuer: fixture.url, state })
    },
  }
}

function createConsent(fixture: Fixture): Endpoint<FormInput> {
  let begun: ReturnType<Fixture['begin']> | undefined
  return {
    name: 'consent',
    inputs: formInput,
    async prepare(input) {
      begun ??= fixture.begin('pending')
      const { transaction, csrf, cookie } = await begun
      const pairs: Pairs = [
        ['transaction', transaction],
        ['csrf', csrf],
        ['decision', 'allow'],
        ['confirmed', 'yes'],
        ['skill', 'inspect'],
        ['skill', 'triage'],
      ]
      const headers = { ...FORM, cookie, origin: fixture.url, 'sec-fetch-site': 'same-origin' }
      const payload = writePairs(pairs, input)
      return write(fixture, { method: 'POST', url: '/oauth/consent', payload }, input, headers)
    },
    assertRules(response) {
      if (response.statusCode !== 303) return assertErrorPage(response)
      const location = String(response.headers.location)
      if (location.startsWith(`${fixture.sentry.url}/oauth/authorize/?`)) return
      // A denial ends the transaction.
      begun = undefined
      assertRedirect(response, { registered: REDIRECT_URI, issuer: fixture.url, state: STATE })
    },
  }
}

function createCallback(fixture: Fixture): Endpoint<FormInput> {
  let begun: ReturnType<Fixture['begin']> | undefined
  return {
    name: 'callback',
    inputs: formInput,
    async prepare(input) {
      begun ??= fixture.begin('approved')
      const { transaction, cookie } = await begun
      const pairs: Pairs = [
        ['state', transaction],
        ['code', 'a'.repeat(64)],
        ['scope', 'org:read'],
      ]
      return write(fixture, { method: 'GET', url: `/oauth/callback?${writeQuery(pairs, input)}` }, input, {
        cookie,
      })
    },
    assertRules(response) {
      if (response.statusCode !== 302) return assertErrorPage(response)
      begun = undefined
      const { registered, issuer, state } = { registered: REDIRECT_URI, issuer: fixture.url, state: STATE }
      assertRedirect(response, { registered, issuer, state })
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

function assertErrorPage(response: Response): void {
  expect([400, 403].includes(response.statusCode), 'the page says what is wrong', response)
  assertPage(response)
}
