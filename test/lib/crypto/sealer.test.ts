import { test } from 'tap'
import { createSealer, UnsealError } from '../../../lib/crypto/sealer.ts'

const OLD = 'an old secret of thirty-two characters or more'
const NEW = 'a new secret of thirty-two characters or more'
const TEXT = 'sntryu_secret “🔑”'

test('sealed text opens again, is not readable, and differs every time', async (t) => {
  const sealer = createSealer([OLD])
  const sealed = sealer.seal(TEXT, 'upstream 1')
  t.equal(sealer.open(sealed, 'upstream 1'), TEXT)
  t.match(sealed, /^v1\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]+$/)
  t.notMatch(Buffer.from(sealed.split('.')[2] ?? '', 'base64url').toString('latin1'), 'sntryu')
  t.not(sealer.seal(TEXT, 'upstream 1'), sealed)
  t.equal(sealer.open(sealer.seal('', ''), ''), '')
})

test('sealed text opens only in its own context, which is authenticated', async (t) => {
  const sealer = createSealer([OLD])
  const sealed = sealer.seal(TEXT, 'upstream 1')
  for (const context of ['upstream 2', 'transaction 1', 'upstream 1 ', '']) {
    t.throws(() => sealer.open(sealed, context), UnsealError, context)
  }
})

test('a record altered in any part is refused', async (t) => {
  const sealer = createSealer([OLD])
  const [version, id, body = ''] = sealer.seal(TEXT, 'upstream 1').split('.')
  const bytes = Buffer.from(body, 'base64url')
  for (let place = 0; place < bytes.length; place += 1) {
    const altered = Buffer.from(bytes)
    altered[place] = (altered[place] ?? 0) ^ 1
    t.throws(
      () => sealer.open(`${version}.${id}.${altered.toString('base64url')}`, 'upstream 1'),
      UnsealError,
    )
  }
})

test('malformed text is refused with the same error, which does not repeat it', async (t) => {
  const sealer = createSealer([OLD])
  const [, id, body = ''] = sealer.seal(TEXT, 'upstream 1').split('.')
  const broken = [
    ...['', 'v1', `v1.${id}`, `v1.${id}.`, `v1.${id}.AAAA`, `v2.${id}.${body}`, body],
    ...[11, 12, 27, 28].map((size) => `v1.${id}.${Buffer.alloc(size).toString('base64url')}`),
    `v1.${id}.${body.slice(0, -4)}`,
  ]
  for (const sealed of broken) {
    t.throws(() => sealer.open(sealed, 'upstream 1'), UnsealError, JSON.stringify(sealed))
  }
  t.throws(() => sealer.open('the content', ''), { message: /^(?!.*the content)/ })
})

test('a missing key is an UnsealError that names ENCRYPTION_KEY', async (t) => {
  const sealed = createSealer([OLD]).seal(TEXT, 'upstream 1')
  t.throws(() => createSealer([NEW]).open(sealed, 'upstream 1'), {
    name: 'UnsealError',
    message: /ENCRYPTION_KEY/,
  })
})

test('key rotation: the first key seals, all of them open', async (t) => {
  const before = createSealer([OLD])
  const during = createSealer([NEW, OLD])
  const after = createSealer([NEW])
  t.equal(during.open(before.seal(TEXT, 'c'), 'c'), TEXT)
  t.equal(after.open(during.seal(TEXT, 'c'), 'c'), TEXT)
  t.throws(() => before.open(during.seal(TEXT, 'c'), 'c'), UnsealError)
})
