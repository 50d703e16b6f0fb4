import { test } from 'tap'
import { createSealer, UnsealError } from '../../../lib/crypto/sealer.ts'

const OLD = 'an old secret of thirty-two characters or more'
const NEW = 'a new secret of thirty-two characters or more'
const TEXT = 'sntryu_secret “🔑”'

test('what is sealed can be opened, is not readable, and never looks the same twice', async (t) => {
  const sealer = createSealer([OLD])
  const sealed = sealer.seal(TEXT, 'upstream 1')
  t.equal(sealer.open(sealed, 'upstream 1'), TEXT)
  t.match(sealed, /^v1\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]+$/)
  t.notMatch(Buffer.from(sealed.split('.')[2] ?? '', 'base64url').toString('latin1'), 'sntryu')
  t.not(sealer.seal(TEXT, 'upstream 1'), sealed)
  t.equal(sealer.open(sealer.seal('', ''), ''), '')
})

test('what one record seals opens in no other (the record is authenticated data)', async (t) => {
  const sealer = createSealer([OLD])
  const sealed = sealer.seal(TEXT, 'upstream 1')
  for (const context of ['upstream 2', 'transaction 1', 'upstream 1 ', '']) {
    t.throws(() => sealer.open(sealed, context), UnsealError, context)
  }
})

test('an altered record is refused, whichever part was altered', async (t) => {
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

test('what is not of the form at all is refused with the same error, and its text is not repeated', async (t) => {
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

test('a key that is not among the settings is an UnsealError that names ENCRYPTION_KEY', async (t) => {
  const sealed = createSealer([OLD]).seal(TEXT, 'upstream 1')
  t.throws(() => createSealer([NEW]).open(sealed, 'upstream 1'), {
    name: 'UnsealError',
    message: /ENCRYPTION_KEY/,
  })
})

test('keys roll: the first one seals, all of them open', async (t) => {
  const before = createSealer([OLD])
  const during = createSealer([NEW, OLD])
  const after = createSealer([NEW])
  t.equal(during.open(before.seal(TEXT, 'c'), 'c'), TEXT)
  t.equal(after.open(during.seal(TEXT, 'c'), 'c'), TEXT)
  t.throws(() => before.open(during.seal(TEXT, 'c'), 'c'), UnsealError)
})
