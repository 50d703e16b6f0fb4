import Type from 'typebox'
import { InvalidRequestError } from './errors.ts'

/**
 * A parameter as a query or form brings it. The parsers answer a list where it is repeated, which every endpoint
 * refuses (RFC 6749 §3.1 and §3.2), but only after it knows whom to tell.
 */
export const ParameterSchema = Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())]))

export type Parameter = string | string[] | undefined

/**
 * The value of a parameter that may stand once. An empty one counts as left out (RFC 6749 §3.1). Throws
 * `InvalidRequestError` when it is repeated or longer than `maxLength` characters.
 */
export function readParameter(name: string, value: Parameter, maxLength = 2048): string | undefined {
  if (Array.isArray(value)) throw new InvalidRequestError(`${name} must not be repeated.`)
  if (value !== undefined && value.length > maxLength) throw new InvalidRequestError(`${name} is too long.`)
  return value || undefined
}

/** The value of a parameter that must stand once. Throws `InvalidRequestError`. */
export function requireParameter(name: string, value: Parameter, maxLength?: number): string {
  const text = readParameter(name, value, maxLength)
  if (text === undefined) throw new InvalidRequestError(`${name} is missing.`)
  return text
}
