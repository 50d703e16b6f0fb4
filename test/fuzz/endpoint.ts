import type { Arbitrary } from 'fast-check'
import type { InjectOptions, LightMyRequestResponse as Response } from 'fastify'
import type { Scene } from './fixture.ts'
import type { HeaderChange } from './odd-values.ts'

export const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

/** Whether parameters could name a client by the URL of a document, at a host that nobody has. */
export function namesDocument(parameters: string): boolean {
  return parameters.toLowerCase().includes('https%3a%2f%2fexample.com')
}

/** An endpoint, how it is asked for nonsense, and what its answers keep to whatever it was asked. */
export interface Endpoint<Input = unknown> {
  name: string
  inputs: Arbitrary<Input>
  /** The request of an input: a good one, but for what the input changes. */
  prepare(input: Input): Promise<InjectOptions>
  /** Whether what the input names can be out of reach, so that 503 is a right answer. It is wrong otherwise. */
  mayBeAway?(input: Input, request: InjectOptions): boolean
  /** Throws `BrokenRuleError`. */
  check(answer: Response, request: InjectOptions, input: Input): void | Promise<void>
}

/** A request with the headers it should have, as the input changes them. */
export function write(
  { url }: Scene,
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
