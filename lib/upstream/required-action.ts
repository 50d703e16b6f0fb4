import Type from 'typebox'
import Value from 'typebox/value'

const RefusalSchema = Type.Object({
  detail: Type.Object({ code: Type.String({ pattern: '^[a-z0-9-]{1,60}$' }) }),
})

/**
 * What Sentry requires of the user before it responds, from the body of a refusal: `sso-required`, `2fa-required` and
 * the like stand in `detail.code`. Undefined for a refusal of the token itself.
 */
export function readRequiredAction(body: unknown): string | undefined {
  return Value.Check(RefusalSchema, body) ? body.detail.code : undefined
}
