import { test } from 'tap'
import { type CredentialsForm, readClientCredentials } from '../../../../lib/oauth/clients/authentication.ts'

const TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

const encode = (text: string) => Buffer.from(text).toString('base64')
const basic = (text: string, scheme = 'Basic') => `${scheme} ${encode(text)}`

function makeAssertion(claims: object): string {
  return `${Buffer.from('{"alg":"ES256"}').toString('base64url')}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`
}

test('the client id comes from form, header or assertion (RFC 6749 §2.3.1, RFC 7521 §4.2)', async (t) => {
  const assertion = makeAssertion({ sub: 'client' })
  const signed = { client_assertion_type: TYPE, client_assertion: assertion }
  const cases: [CredentialsForm, string | undefined, object][] = [
    [{ client_id: 'client' }, undefined, { clientId: 'client' }],
    [{ client_id: 'client', client_secret: 'secret' }, undefined, { clientId: 'client', secret: 'secret' }],
    [{ client_id: 'client', client_secret: '' }, undefined, { clientId: 'client', secret: undefined }],
    [{}, basic('client:secret'), { clientId: 'client', secret: 'secret' }],
    [{ client_id: 'client' }, basic('client:secret'), { clientId: 'client', secret: 'secret' }],
    [{}, basic('client:'), { clientId: 'client', secret: undefined }],
    [signed, undefined, { clientId: 'client', assertion }],
    [{ ...signed, client_id: 'client' }, undefined, { clientId: 'client', assertion }],
  ]
  for (const [form, authorization, expected] of cases) {
    t.match(readClientCredentials(form, authorization), expected, JSON.stringify([form, authorization]))
  }
})

test('Basic is case-insensitive, its credentials are form-urlencoded (RFC 7235 §2.1, RFC 6749 Appendix B)', async (t) => {
  for (const scheme of ['Basic', 'basic', 'BASIC', 'bAsIc', 'Basic ']) {
    t.match(readClientCredentials({}, basic('client:secret', scheme)), { secret: 'secret' }, scheme)
  }
  const cases: [string, string, string][] = [
    ['a%3Ab:c%3Ad', 'a:b', 'c:d'],
    ['client:s:e:c', 'client', 's:e:c'],
    ['my+client:se+cret', 'my client', 'se cret'],
    ['client:%2B%2F%3D%25', 'client', '+/=%'],
    ['client:%C3%A9%E2%82%AC', 'client', 'é€'],
  ]
  for (const [text, clientId, secret] of cases) {
    t.match(readClientCredentials({}, basic(text)), { clientId, secret }, text)
  }
})

test('a request has one credential, for one client (RFC 6749 §2.3)', async (t) => {
  const signed = { client_assertion_type: TYPE, client_assertion: makeAssertion({ sub: 'client' }) }
  const cases: [CredentialsForm, string | undefined, RegExp][] = [
    [{ client_id: 'client', client_secret: 'secret' }, basic('client:secret'), /in one way only/],
    [{ client_secret: 'secret' }, basic('client:'), /in one way only/],
    [signed, basic('client:secret'), /in one way only/],
    [{ ...signed, client_secret: 'secret' }, undefined, /in one way only/],
    [{ client_id: 'other' }, basic('client:secret'), /not the client of the credentials/],
    [{ ...signed, client_id: 'other' }, undefined, /not the client of the credentials/],
    [{}, undefined, /client_id is missing/],
    [{ client_secret: 'secret' }, undefined, /client_id is missing/],
    [{ client_id: ['client', 'client'] }, undefined, /must not be repeated/],
    [{ client_id: 'client', client_secret: ['a', 'b'] }, undefined, /must not be repeated/],
    [{ client_id: 'client' }, 'Bearer token', /must be Basic/],
    [{ client_id: 'client' }, 'Basic', /must be Basic/],
    [{ client_id: 'client' }, 'Basic ***', /must be Basic/],
    [{}, basic('client'), /are malformed/],
    [{}, basic(':secret'), /are malformed/],
    [{}, basic('client:%'), /not form-urlencoded/],
    [{}, basic('client:%FF'), /not form-urlencoded/],
    [{ ...signed, client_assertion_type: undefined }, undefined, /client_assertion_type must be/],
    [{ ...signed, client_assertion_type: 'other' }, undefined, /client_assertion_type must be/],
    [{ client_id: 'client', client_assertion_type: TYPE }, undefined, /client_assertion is missing/],
    [{ ...signed, client_assertion: 'no jwt' }, undefined, /is not a JWT/],
    [{ ...signed, client_assertion: makeAssertion({}) }, undefined, /has no sub/],
    [{ ...signed, client_assertion: makeAssertion({ sub: 5 }) }, undefined, /has no sub/],
    [{ ...signed, client_assertion: 'x'.repeat(9000) }, undefined, /too long/],
  ]
  for (const [form, authorization, message] of cases) {
    t.throws(() => readClientCredentials(form, authorization), { code: 'invalid_request', message })
  }
})
