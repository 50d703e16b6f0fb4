import { type Endpoint, FORM, namesDocument, write } from './endpoint.ts'
import { type Fixture, REDIRECT_URI, VERIFIER } from './fixture.ts'
import { type FormInput, formInput, type Pairs, writePairs } from './form-input.ts'
import { assertOAuthError, expect, readJson } from './response-rules.ts'

/** The endpoints that take a code or a token. */
export function createTokenEndpoints(fixture: Fixture): Endpoint[] {
  return [createToken(fixture), createRevoke(fixture)].map((endpoint) => endpoint as Endpoint)
}

function createToken(fixture: Fixture): Endpoint<FormInput> {
  let code: Promise<string> | undefined
  let refreshToken = fixture.createGrant().then((signedIn) => signedIn.refreshToken)
  return {
    name: 'token',
    inputs: formInput,
    mayBeUnavailable: (_input, { payload }) => namesDocument(String(payload)),
    async prepare(input) {
      code ??= fixture.createCode()
      const isRefresh = input.pairs.length % 2 === 0
      const own: Pairs = isRefresh
        ? [
            ['grant_type', 'refresh_token'],
            ['refresh_token', await refreshToken],
            ['scope', 'org:read'],
          ]
        : [
            ['grant_type', 'authorization_code'],
            ['code', await code],
            ['redirect_uri', REDIRECT_URI],
            ['code_verifier', VERIFIER],
          ]
      const pairs: Pairs = [
        ['client_id', fixture.clientId],
        ...own,
        ['resource', fixture.getResource('/mcp')],
      ]
      const payload = writePairs(pairs, input)
      return write(fixture, { method: 'POST', url: '/oauth/token', payload }, input, FORM)
    },
    assertRules(response) {
      if (response.statusCode === 200) {
        const { refresh_token: next, token_type: type } = readJson(response)
        expect(typeof next === 'string' && type === 'Bearer', 'the response has tokens', response)
        expect(response.headers['cache-control'] === 'no-store', 'tokens are not cached', response)
        refreshToken = Promise.resolve(next)
      } else {
        assertOAuthError(response)
      }
      // A failed proof may spend the code as well.
      if (response.statusCode === 200 || response.payload.includes('invalid_grant')) code = undefined
    },
  }
}

function createRevoke(fixture: Fixture): Endpoint<FormInput> {
  let token: Promise<string> | undefined
  let wantsAccess = false
  return {
    name: 'revoke',
    inputs: formInput,
    mayBeUnavailable: (_input, { payload }) => namesDocument(String(payload)),
    async prepare(input) {
      token ??= fixture
        .createGrant()
        .then(({ accessToken, refreshToken }) => (wantsAccess ? accessToken : refreshToken))
      const pairs: Pairs = [
        ['client_id', fixture.clientId],
        ['token', await token],
        ['token_type_hint', 'refresh_token'],
      ]
      return write(
        fixture,
        { method: 'POST', url: '/oauth/revoke', payload: writePairs(pairs, input) },
        input,
        FORM,
      )
    },
    assertRules(response, _request, input) {
      if (response.statusCode !== 200) return assertOAuthError(response)
      expect(response.payload === '{}', 'a revocation returns an empty object', response)
      wantsAccess = input.pairs.length === 0
      token = undefined
    },
  }
}
