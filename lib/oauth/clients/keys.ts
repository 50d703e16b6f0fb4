import type { JSONWebKeySet } from 'jose'
import Type from 'typebox'
import Value from 'typebox/value'
import { InvalidClientError } from '../errors.ts'

const KeySetSchema = Type.Object({
  keys: Type.Array(Type.Object({ kty: Type.String() }), { minItems: 1, maxItems: 50 }),
})

/** What only the owner of a key may know (RFC 7518 §6). */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/**
 * Public keys as a client publishes them (RFC 7517 §5). A key whose secret part is published along with it proves
 * nothing any more, and so refuses the whole set. Throws `InvalidClientError`.
 */
export function parseKeySet(content: unknown): JSONWebKeySet {
  if (!Value.Check(KeySetSchema, content))
    throw new InvalidClientError('The keys of the client are no key set.')
  if (content.keys.some((key) => PRIVATE_MEMBERS.some((member) => member in key))) {
    throw new InvalidClientError('The keys of the client are published with their private parts.')
  }
  return content
}
