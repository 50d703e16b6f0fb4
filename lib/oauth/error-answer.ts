import Type, { type Static } from 'typebox'
import { InvalidClientError, InvalidInitialTokenError, type OAuthError } from './errors.ts'

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

/**
 * The WWW-Authenticate header of an error answer: Basic where the client tried that (RFC 6749 §5.2), Bearer where a
 * token is needed (RFC 6750 §3). Undefined where the client is to be told in the body alone.
 */
export function describeChallenge(error: OAuthError, authorization: string | undefined): string | undefined {
  if (error instanceof InvalidClientError) return isBasic(authorization) ? 'Basic realm="oauth"' : undefined
  if (!(error instanceof InvalidInitialTokenError)) return undefined
  return authorization === undefined ? 'Bearer realm="registration"' : 'Bearer error="invalid_token"'
}

function isBasic(authorization: string | undefined): boolean {
  return /^basic( |$)/i.test(authorization ?? '')
}
