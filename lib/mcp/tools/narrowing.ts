import type { Narrowing } from '../../model/caller.ts'
import { ACTIVE_SKILLS } from '../../model/skills.ts'

/** The query of a request to a resource, as Fastify parses it. */
export type Query = Readonly<Record<string, unknown>>

/** The query parameters that narrow a connection. */
const PARAMETERS = ['readonly', 'skills', 'disable-skills', 'tools']

/** What people may write instead. Ignoring it would widen what the address allows. */
const MISSPELLINGS = ['readonly', 'skill', 'skills', 'disableskill', 'disableskills', 'tool', 'tools']

/** The address of the request asks for something that does not exist. The message is for its author. */
export class InvalidNarrowingError extends Error {
  override readonly name = 'InvalidNarrowingError'
}

/**
 * Reads how the address of a request narrows what its caller may do: `?readonly=1`, `?skills=`, `?disable-skills=` and
 * `?tools=`, lists separated by commas. Undefined if it does not. Other parameters are not this server's. Throws
 * `InvalidNarrowingError` for a name or value that does not exist.
 */
export function readNarrowing(query: Query, isTool: (name: string) => boolean): Narrowing | undefined {
  for (const name of Object.keys(query)) assertSpelling(name)
  const isReadOnly = readFlags(query.readonly).includes(true)
  const only = readNames(query, 'skills', isSkill, ACTIVE_SKILLS)
  const without = readNames(query, 'disable-skills', isSkill, ACTIVE_SKILLS)
  const tools = readNames(query, 'tools', isTool)
  const skills =
    only === undefined && without === undefined
      ? undefined
      : new Set((only ?? ACTIVE_SKILLS).filter((skill) => without?.includes(skill) !== true))
  if (!isReadOnly && skills === undefined && tools === undefined) return undefined
  return { isReadOnly, skills, tools: tools && new Set(tools) }
}

function assertSpelling(name: string): void {
  if (PARAMETERS.includes(name)) return
  if (MISSPELLINGS.includes(name.toLowerCase().replaceAll(/[-_[\]]/g, ''))) {
    throw new InvalidNarrowingError(`The address should use ${PARAMETERS.join(', ')}, spelled like this.`)
  }
}

function readFlags(parameter: unknown): boolean[] {
  return readValues(parameter).map((value) => {
    if (value === '1' || value === 'true') return true
    if (value === '0' || value === 'false') return false
    throw new InvalidNarrowingError('readonly should be 1 or 0.')
  })
}

function readNames(
  query: Query,
  parameter: string,
  exists: (name: string) => boolean,
  known?: readonly string[],
): string[] | undefined {
  const values = readValues(query[parameter])
  if (values.length === 0) return undefined
  const names = values.flatMap((list) => list.split(',').map((name) => name.trim()))
  if (names.every(exists)) return names
  const choice = known === undefined ? 'names of tools' : known.join(', ')
  throw new InvalidNarrowingError(`${parameter} should be a list separated by commas, out of ${choice}.`)
}

/** A parameter may be given several times. */
function readValues(parameter: unknown): string[] {
  return [parameter ?? []].flat().map(String)
}

function isSkill(name: string): boolean {
  return (ACTIVE_SKILLS as readonly string[]).includes(name)
}
