import Type, { type Static } from 'typebox'
import type { OAuthError } from './oauth-error.ts'

/** RFC 6749 §5.2 and RFC 7591 §3.2.2. */
export const ErrorAnswerSchema = Type.Object({
  error: Type.String(),
  error_description: Type.String(),
})

/** The error answers of an endpoint that speaks JSON, for its response schemas. */
export const ErrorAnswerSchemas = { '4xx': ErrorAnswerSchema, '5xx': ErrorAnswerSchema }

export function describeError(error: OAuthError): Static<typeof ErrorAnswerSchema> {
  return { error: error.code, error_description: error.message }
}
