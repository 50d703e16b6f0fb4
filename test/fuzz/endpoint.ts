import type { Arbitrary } from 'fast-check'
import type { InjectOptions, LightMyRequestResponse as Response } from 'fastify'
import type { Fixture } from './fixture.ts'
import type { HeaderChange } from './odd-values.ts'

export const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

/** Whether parameters may name a CIMD client at a host that does not exist. */
export function namesDocument(parameters: string): boolean {
  return parameters.toLowerCase().includes('https%3a%2f%2fexample.com')
}

/** An endpoint, its malformed requests, and the rules that every response of it follows. */
export interface Endpoint<Input = unknown> {
  name: string
  inputs: Arbitrary<Input>
  /** The request of an input: a valid one with the changes of the input. */
  prepare(input: Input): Promise<InjectOptions>
  /** Whether the input may name something unavailable, so that 503 is right. Otherwise 503 is wrong. */
  mayBeUnavailable?(input: Input, request: InjectOptions): boolean
  /** Throws `BrokenRuleError`. */
  assertRules(response: Response, request: InjectOptions, input: Input): void | Promise<void>
}

/** A request with its proper headers and the input's changes of them. */
export function write(
  { url }: Fixture,
  request: InjectOptions,
  { headers: changes }: { headers: HeaderChange[] },
  headers: Record<string, string> = {},
): InjectOptions {
  const changed = Object.fromEntries(
    Object.entries({ host: new URL(url).host, ...headers, ...Object.fromEntries(changes) }).filter(
      (header): header is [string, string] => header[1] !== undefined,
    ),
  )
  return { ...request, headers: changed }
}
