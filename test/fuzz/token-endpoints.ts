import { type Endpoint, FORM, namesDocument, write } from './endpoint.ts'
import { REDIRECT_URI, type Scene, VERIFIER } from './fixture.ts'
import { type FormInput, formInput, type Pairs, writePairs } from './form-input.ts'
import { checkOAuthError, expect, readJson } from './response-rules.ts'

/** What a client asks for with a code or a token. */
export function createTokenEndpoints(scene: Scene): Endpoint[] {
  return [createToken(scene), createRevoke(scene)].map((endpoint) => endpoint as Endpoint)
}

function createToken(scene: Scene): Endpoint<FormInput> {
  let code: Promise<string> | undefined
  let refreshToken = scene.createGrant().then((signedIn) => signedIn.refreshToken)
  return {
    name: 'token',
    inputs: formInput,
    mayBeAway: (_input, { payload }) => namesDocument(String(payload)),
    async prepare(input) {
      code ??= scene.createCode()
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
      const pairs: Pairs = [['client_id', scene.clientId], ...own, ['resource', scene.getResource('/mcp')]]
      const payload = writePairs(pairs, input)
      return write(scene, { method: 'POST', url: '/oauth/token', payload }, input, FORM)
    },
    check(answer) {
      if (answer.statusCode === 200) {
        const { refresh_token: next, token_type: type } = readJson(answer)
        expect(typeof next === 'string' && type === 'Bearer', 'there are tokens', answer)
        expect(answer.headers['cache-control'] === 'no-store', 'tokens are not kept', answer)
        refreshToken = Promise.resolve(next)
      } else {
        checkOAuthError(answer)
      }
      // Whatever was wrong with its proof, the code may be spent.
      if (answer.statusCode === 200 || answer.payload.includes('invalid_grant')) code = undefined
    },
  }
}

function createRevoke(scene: Scene): Endpoint<FormInput> {
  let token: Promise<string> | undefined
  let wantsAccess = false
  return {
    name: 'revoke',
    inputs: formInput,
    mayBeAway: (_input, { payload }) => namesDocument(String(payload)),
    async prepare(input) {
      token ??= scene
        .createGrant()
        .then(({ accessToken, refreshToken }) => (wantsAccess ? accessToken : refreshToken))
      const pairs: Pairs = [
        ['client_id', scene.clientId],
        ['token', await token],
        ['token_type_hint', 'refresh_token'],
      ]
      return write(
        scene,
        { method: 'POST', url: '/oauth/revoke', payload: writePairs(pairs, input) },
        input,
        FORM,
      )
    },
    check(answer, _request, input) {
      if (answer.statusCode !== 200) return checkOAuthError(answer)
      expect(answer.payload === '{}', 'a revocation says nothing', answer)
      wantsAccess = input.pairs.length === 0
      token = undefined
    },
  }
}
