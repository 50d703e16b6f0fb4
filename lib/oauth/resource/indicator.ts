import { parseResource, type Resource } from '../../model/resource.ts'
import { InvalidTargetError } from '../errors.ts'
import { type Parameter, readParameter } from '../parameters.ts'

/**
 * The resource that a request names (RFC 8707 §2); undefined if it names none. RFC 8707 allows several, but a token is
 * for one resource, so only spellings of the same one pass. Throws `InvalidTargetError`, or `InvalidRequestError` for
 * one that is too long.
 */
export function readResourceIndicator(parameter: Parameter, baseUrl: string): Resource | undefined {
  const indicators = [parameter ?? []].flat().flatMap((value) => readParameter('resource', value) ?? [])
  const [resource, ...others] = indicators.map((indicator) => requireResource(indicator, baseUrl))
  if (others.some(({ url }) => url !== resource?.url))
    throw new InvalidTargetError('A token is for one resource only.')
  return resource
}

function requireResource(indicator: string, baseUrl: string): Resource {
  const resource = parseResource(baseUrl, indicator)
  if (resource === undefined) throw new InvalidTargetError('The resource is not a resource of this server.')
  return resource
}
