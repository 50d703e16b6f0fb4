import { Writable } from 'node:stream'
import Fastify, { type FastifyBaseLogger } from 'fastify'
import { type Test, test } from 'tap'
import { createSealer, UnsealError } from '../../../lib/crypto/sealer.ts'
import { createJsonErrorResponse, logOAuthError, toOAuthError } from '../../../lib/oauth/error-response.ts'
import * as errors from '../../../lib/oauth/errors.ts'
import { StoreUnavailableError } from '../../../lib/store/store.ts'
import { SignInRequiredError } from '../../../lib/upstream/access.ts'
import { UpstreamRefusedError } from '../../../lib/upstream/oauth.ts'
import { UpstreamUnavailableError } from '../../../lib/upstream/request.ts'

const SECRET = 'sntryu_secret'

test('every error has its registered code and status (RFC 6749 §4.1.2.1 and §5.2, RFC 7591 §3.2.2, RFC 8707 §2)', async (t) => {
  const codes = Object.values(errors)
    .filter((value) => typeof value === 'function' && value.prototype instanceof errors.OAuthError)
    .map((value) => new (value as new (sentence: string) => errors.OAuthError)('A sentence.'))
    .map(({ code, status }) => `${code} ${status}`)
  const expected = [
    ...['invalid_request 400', 'invalid_client 401', 'invalid_grant 400', 'unsupported_grant_type 400'],
    ...['unsupported_response_type 400', 'invalid_scope 400', 'invalid_target 400', 'access_denied 403'],
    'access_denied 403',
    ...['invalid_redirect_uri 400', 'invalid_client_metadata 400', 'invalid_token 401'],
    ...['server_error 500', 'temporarily_unavailable 503', 'temporarily_unavailable 429'],
  ]
  t.same(codes.sort(), expected.sort())
})

test('an error response has code and description, and nothing of the cause (RFC 6749 §5.2)', async (t) => {
  const error = new errors.InvalidGrantError('The code is not valid.', { cause: new Error(SECRET) })
  t.strictSame(createJsonErrorResponse(error, undefined), {
    status: 400,
    headers: {},
    body: { error: 'invalid_grant', error_description: 'The code is not valid.' },
  })
})

test('a transient error is temporarily_unavailable, on which clients keep their tokens', async (t) => {
  const passing = [
    new StoreUnavailableError(new Error(SECRET)),
    new UnsealError(SECRET),
    new UpstreamUnavailableError(new Error(SECRET)),
    findUnsealError(),
  ]
  for (const cause of passing) {
    const error = toOAuthError(cause)
    t.match(
      error,
      { code: 'temporarily_unavailable', status: 503, cause, retryAfterSeconds: Number },
      cause.name,
    )
    t.notMatch(error.message, SECRET)
  }
})

test('only an ended grant is invalid_grant', async (t) => {
  t.match(toOAuthError(new SignInRequiredError('The grant has ended.')), {
    code: 'invalid_grant',
    status: 400,
  })
})

test('an OAuth error is returned unchanged', async (t) => {
  const error = new errors.InvalidScopeError('Too much.')
  t.equal(toOAuthError(error), error)
})

test('an unexpected error is server_error, without its message', async (t) => {
  const unforeseen = [
    new TypeError(SECRET),
    new UpstreamRefusedError('invalid_client'),
    Object.assign(new Error(SECRET), { statusCode: 500 }),
    Object.assign(new Error(SECRET), { statusCode: '400' }),
    SECRET,
    undefined,
    null,
    { statusCode: 400 },
  ]
  for (const thrown of unforeseen) {
    const error = toOAuthError(thrown)
    t.match(error, { code: 'server_error', status: 500 })
    t.equal(error.cause, thrown)
    t.notMatch(error.message, SECRET)
  }
})

test('a request that Fastify rejects is invalid_request, without its input', async (t) => {
  const app = Fastify({ ajv: { customOptions: { coerceTypes: false } }, bodyLimit: 100 })
  t.teardown(() => app.close())
  app.setErrorHandler((error, _request, reply) => {
    const { code, status, message } = toOAuthError(error)
    return reply.code(status).send({ code, message })
  })
  const schema = {
    body: {
      type: 'object',
      required: ['code'],
      properties: { code: { type: 'string' }, list: { type: 'array', items: { type: 'string' } } },
    },
  }
  app.post('/', { schema }, async () => 'ok')
  const send = async (body: string, type = 'application/json') => {
    const response = await app.inject({
      method: 'POST',
      url: '/',
      headers: { 'content-type': type },
      payload: body,
    })
    t.equal(response.statusCode, 400)
    t.notMatch(response.body, SECRET)
    return response.json()
  }
  const refused = (message: string) => ({ code: 'invalid_request', message })
  t.strictSame(await send(`{"code":{"${SECRET}":1}}`), refused('code is malformed.'))
  t.strictSame(await send(`{"list":["${SECRET}"]}`), refused('code is malformed.'))
  t.strictSame(await send(`{"code":"x","list":[{"${SECRET}":1}]}`), refused('list is malformed.'))
  t.strictSame(await send(`"${SECRET}"`), refused('The request cannot be parsed.'))
  t.strictSame(await send(`{"${SECRET}`), refused('The request cannot be parsed.'))
  t.strictSame(await send(`{"__proto__":"${SECRET}"}`), refused('The request cannot be parsed.'))
  t.strictSame(await send(''), refused('The request cannot be parsed.'))
  t.strictSame(await send(SECRET.repeat(20)), refused('The request is too large.'))
  t.strictSame(await send(SECRET, 'application/xml'), refused('The Content-Type is not supported here.'))
})

test('a server fault is logged as error with its cause, a client’s mistake stands in the line of its request', async (t) => {
  const { log, lines } = createLog(t)
  logOAuthError(new errors.InvalidGrantError('The code is not valid.'), log)
  t.same(lines.splice(0), [])
  logOAuthError(toOAuthError(new TypeError('broken')), log)
  t.match(lines.splice(0), [{ level: 50, code: 'server_error', err: { message: /broken/ } }])
  logOAuthError(toOAuthError(new StoreUnavailableError(new Error('ECONNREFUSED'))), log)
  t.match(lines.splice(0), [{ level: 50, err: { message: /ECONNREFUSED/ } }])
  logOAuthError(toOAuthError(findUnsealError()), log)
  t.match(lines.splice(0), [{ level: 50, msg: /ENCRYPTION_KEY/ }])
})

function findUnsealError(): Error {
  const sealed = createSealer(['one secret of thirty-two characters']).seal('text', 'context')
  try {
    createSealer(['other secret of thirty-two characters']).open(sealed, 'context')
  } catch (error) {
    if (error instanceof UnsealError) return error
  }
  throw new TypeError('It could be opened.')
}

function createLog(t: Test): { log: FastifyBaseLogger; lines: unknown[] } {
  const lines: unknown[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)))
      done()
    },
  })
  const app = Fastify({ logger: { level: 'debug', stream } })
  t.teardown(() => app.close())
  return { log: app.log, lines }
}
