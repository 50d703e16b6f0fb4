import { test } from 'tap'
import { deriveKeys } from '../../../lib/crypto/key-ring.ts'

const OLD = 'an old secret of thirty-two characters or more'
const NEW = 'a new secret of thirty-two characters or more'

test('the first secret is current, all of them can be found', async (t) => {
  const ring = deriveKeys([NEW, OLD], 'seal')
  t.same(ring.current, deriveKeys([NEW], 'seal').current)
  t.same(ring.find(deriveKeys([OLD], 'seal').current.id), deriveKeys([OLD], 'seal').current)
  t.equal(ring.find('unknow'), undefined)
})

test('keys differ by purpose and from their secret (RFC 5869 §3.2)', async (t) => {
  const purposes = ['seal', 'jwt', 'client-id', 'refresh-token', 'csrf']
  const keys = purposes.map((purpose) => deriveKeys([NEW], purpose).current)
  t.equal(new Set(keys.map(({ key }) => key.export().toString('hex'))).size, purposes.length)
  for (const { id, key } of keys) {
    t.equal(key.symmetricKeySize, 32)
    t.notMatch(key.export().toString('utf8'), NEW.slice(0, 8))
    t.match(id, /^[A-Za-z0-9_-]{6}$/)
  }
})

test('a key id is distinct for each secret and the same in every process', async (t) => {
  t.equal(deriveKeys([NEW], 'seal').current.id, deriveKeys([NEW], 'jwt').current.id)
  t.not(deriveKeys([NEW], 'seal').current.id, deriveKeys([OLD], 'seal').current.id)
})

test('a ring needs at least one key', async (t) => {
  t.throws(() => deriveKeys([], 'seal'), RangeError)
})
