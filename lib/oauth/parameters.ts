import Type from 'typebox'
import { InvalidRequestError } from './errors.ts'

/**
 * A parameter of a query or form. A repeated one parses to a list, which every endpoint refuses (RFC 6749 §3.1 and
 * §3.2), but only once it knows whether the error goes to the client or to the user.
 */
export const ParameterSchema = Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())]))

export type Parameter = string | string[] | undefined

/**
 * The value of an optional parameter. An empty one counts as omitted (RFC 6749 §3.1). Throws `InvalidRequestError` if
 * it is repeated or longer than `maxLength` characters.
 */
export function readParameter(name: string, value: Parameter, maxLength = 2048): string | undefined {
  if (Array.isArray(value)) throw new InvalidRequestError(`${name} must not be repeated.`)
  if (value !== undefined && value.length > maxLength) throw new InvalidRequestError(`${name} is too long.`)
  return value || undefined
}

/** The value of a required parameter. Throws `InvalidRequestError`. */
export function requireParameter(name: string, value: Parameter, maxLength?: number): string {
  const text = readParameter(name, value, maxLength)
  if (text === undefined) throw new InvalidRequestError(`${name} is missing.`)
  return text
}
