import { Type } from 'typebox'
import Schema from 'typebox/schema'
import { Value } from 'typebox/value'

/** A response that does not fit its schema. */
export interface Mismatch {
  /** JSON pointer into the response. */
  path: string
  problem: string
}

export interface ResponseSchemas {
  /** How a response differs from its schema; undefined where the document has no schema for it. */
  compare(method: string, route: string, status: number, body: unknown): Mismatch[] | undefined
  /** The schemas whose responses, `GET /path 200`, are not among those seen. */
  listMissing(seen: Iterable<string>): string[]
}

type JsonObject = Record<string, unknown>

const JsonObjectSchema = Type.Record(Type.String(), Type.Unknown())

/**
 * Reads the schemas of responses out of an OpenAPI 3.0 document, or of its paths alone. Throws where the document is
 * neither.
 */
export function readResponseSchemas(document: unknown): ResponseSchemas {
  const whole = readObject(document)
  const paths = 'openapi' in whole ? readObject(whole.paths) : whole
  const { components } = whole
  if (!Object.keys(paths).some((path) => path.startsWith('/')))
    throw new Error('The document is not OpenAPI: it has no paths.')
  const validators = new Map<string, ReturnType<typeof Schema.Compile>>()
  for (const [path, operations] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(readObject(operations))) {
      for (const [status, response] of Object.entries(readObject(readObject(operation).responses))) {
        const schema = readObject(findSchema(readObject(response)))
        const key = createKey(method, path, Number(status))
        // References point from the root of the document, so the schema takes their targets along.
        validators.set(key, Schema.Compile(readObject(convert({ ...schema, components }))))
      }
    }
  }
  return {
    compare(method, route, status, body) {
      const validator = validators.get(createKey(method, route, status))
      if (validator === undefined) return undefined
      const [, errors] = validator.Errors(body)
      return errors.map(({ instancePath, message, params }) => ({
        path: instancePath,
        problem: `${message} ${JSON.stringify(params)}`,
      }))
    },
    listMissing(seen) {
      const keys = new Set([...seen].map((name) => generalize(name)))
      return [...validators.keys()].filter((key) => !keys.has(key))
    },
  }
}

function findSchema(response: JsonObject): unknown {
  if (!('content' in response)) return response
  return readObject(readObject(response.content)['application/json']).schema ?? {}
}

/** OpenAPI 3.0 says `nullable` where JSON Schema has a type beside the others. */
function convert(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(convert)
  if (typeof schema !== 'object' || schema === null) return schema
  const { nullable, ...others } = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, key === 'enum' ? value : convert(value)]),
  )
  return nullable === true ? { anyOf: [others, { type: 'null' }] } : others
}

function readObject(value: unknown): JsonObject {
  return Value.Check(JsonObjectSchema, value) ? value : {}
}

function createKey(method: string, path: string, status: number): string {
  return generalize(`${method.toUpperCase()} ${path} ${status}`)
}

/** Parameters have other names in other places. */
function generalize(name: string): string {
  return name.replaceAll(/\{[^}]+\}|:[^/]+/g, '*')
}
