import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import type { Sealer } from '../../crypto/sealer.ts'
import { UnsealError } from '../../crypto/sealer.ts'
import type { CodeProof, CodeRecord } from '../../store/store.ts'

const SealedCodeSchema = Type.Object({
  clientId: Type.String(),
  redirectUriHash: Type.String(),
  codeChallenge: Type.String(),
  grantId: Type.String(),
  resource: Type.String(),
})

/**
 * Seals the record of an authorization code. The store compares its fields, and keeps the sealed record in place of the
 * grant's id: a code whose fields were changed there, or that names another grant, opens nothing.
 */
export function sealCode(record: CodeRecord, codeHash: string, sealer: Sealer): CodeRecord {
  return { ...record, grantId: sealer.seal(JSON.stringify(record), formatContext(codeHash)) }
}

/**
 * The id of the grant of a code that the store has compared with `proof`. Throws `UnsealError` if the record is not as
 * it was sealed.
 */
export function openCode(sealed: string, codeHash: string, proof: CodeProof, sealer: Sealer): string {
  const code = Value.Parse(SealedCodeSchema, JSON.parse(sealer.open(sealed, formatContext(codeHash))))
  if (!isProven(code, proof)) throw new UnsealError('The record of an authorization code was altered.')
  return code.grantId
}

/** Redirect URI and resource may be omitted (OAuth 2.1 §4.1.3, RFC 8707 §2.2). */
function isProven(code: Static<typeof SealedCodeSchema>, proof: CodeProof): boolean {
  return (
    code.clientId === proof.clientId &&
    code.codeChallenge === proof.codeChallenge &&
    [undefined, code.redirectUriHash].includes(proof.redirectUriHash) &&
    [undefined, code.resource].includes(proof.resource)
  )
}

function formatContext(codeHash: string): string {
  return `code ${codeHash}`
}
