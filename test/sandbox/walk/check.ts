export type Json = Record<string, unknown>

/** Called after each step that has succeeded. */
export type Report = (step: string, detail: string) => void

/** A step failed. The message names the step and the response. */
export class WalkError extends Error {
  override readonly name = 'WalkError'
  readonly step: string
  readonly problem: string

  constructor(step: string, problem: string) {
    super(`${step}: ${problem}`)
    this.step = step
    this.problem = problem
  }
}

export async function readJson(step: string, url: string): Promise<Json> {
  return parse(step, await request(step, url), 200)
}

export async function request(step: string, url: string, init: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(url, { ...init, redirect: 'manual' })
  } catch (error) {
    throw new WalkError(step, `${url} cannot be reached: ${readMessage(error)}`)
  }
}

export async function parse(step: string, response: Response, status: number): Promise<Json> {
  const text = await response.text()
  const problem = `${response.url} responds ${response.status}: ${text.slice(0, 500)}`
  if (response.status !== status) throw new WalkError(step, problem)
  try {
    return JSON.parse(text) as Json
  } catch {
    throw new WalkError(step, problem)
  }
}

/** Throws `WalkError` unless a condition holds. */
export function expect(step: string, holds: boolean, found: unknown, problem: string): asserts holds {
  if (!holds) throw new WalkError(step, `${problem}: ${JSON.stringify(found).slice(0, 500)}`)
}

export function readList(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : []
}

export function readMessage(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : ''
  return error instanceof Error ? `${error.message}${cause}` : String(error)
}
