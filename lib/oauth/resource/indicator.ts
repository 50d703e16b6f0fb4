import { parseResource, type Resource } from '../../model/resource.ts'
import { InvalidTargetError } from '../errors.ts'
import { type Parameter, readParameter } from '../parameters.ts'

/**
 * The resource that a request names (RFC 8707 §2); undefined if it names none. RFC 8707 allows several, but a token is
 * for one resource, so only repetitions of the same one pass. Throws `InvalidTargetError`.
 */
export function readResourceIndicator(parameter: Parameter, baseUrl: string): Resource | undefined {
  const [first, ...others] = new Set([parameter ?? []].flat())
  if (others.length > 0) throw new InvalidTargetError('A token is for one resource only.')
  const indicator = readParameter('resource', first)
  if (indicator === undefined) return undefined
  const resource = parseResource(baseUrl, indicator)
  if (resource === undefined) throw new InvalidTargetError('The resource is not a resource of this server.')
  return resource
}
