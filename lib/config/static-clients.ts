import Type, { type Static } from 'typebox'
import Value from 'typebox/value'
import { hashToken } from '../crypto/hash.ts'
import type { Client } from '../model/client.ts'
import { ClientMetadataSchema, findMetadataProblems, omitNullMembers } from '../model/client-metadata.ts'
import { normalizeClientName } from '../model/client-name.ts'
import { SettingError } from './setting.ts'

const StaticClientSchema = Type.Object({
  ...ClientMetadataSchema.properties,
  client_id: Type.String(),
  client_secret: Type.Optional(Type.String()),
})

type StaticClient = Static<typeof StaticClientSchema>

/**
 * Clients that the operator configures: a JSON array of client metadata (RFC 7591 §2), each with its `client_id` and,
 * unless it is public, its `client_secret`. Throws a `SettingError` that names all problems of all clients.
 */
export function parseStaticClients(text: string): Client[] {
  const parsed: unknown = JSON.parse(text)
  if (!Array.isArray(parsed)) throw new TypeError('not an array')
  const list = parsed.map(omitNullMembers)
  const problems = list.flatMap((item, index) =>
    findProblems(item).map((problem) => `client ${index + 1}: ${problem}`),
  )
  const clients = list.filter((item) => Value.Check(StaticClientSchema, item))
  const ids = clients.map(({ client_id }) => client_id)
  if (new Set(ids).size < ids.length) problems.push('two clients have the same client_id.')
  if (problems.length > 0) throw new SettingError(problems)
  return clients.map(createClient)
}

function findProblems(item: unknown): string[] {
  if (!Value.Check(StaticClientSchema, item)) {
    const [problem] = Value.Errors(StaticClientSchema, item)
    return [`${problem?.instancePath.split('/')[1] ?? 'client_id'} is missing or malformed.`]
  }
  const problems = [assertId, assertSecret, assertAuthMethod].flatMap((assert) =>
    describeFailure(() => assert(item)),
  )
  return [...problems, ...findMetadataProblems(item).map(({ message }) => message)]
}

function describeFailure(check: () => unknown): string[] {
  try {
    check()
    return []
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)]
  }
}

/** RFC 6749 Appendix A.1. Ids that look like those of registered or CIMD clients are reserved for these. */
function assertId({ client_id }: StaticClient): void {
  if (!/^[\x20-\x7e]{1,200}$/.test(client_id))
    throw new TypeError('client_id must be 1 to 200 ASCII characters.')
  if (/^(c\d+\.|https:)/.test(client_id))
    throw new TypeError('client_id must not begin with https: or like an id that this server issues (c1.).')
}

function assertSecret({ client_secret }: StaticClient): void {
  if (client_secret !== undefined && !/^[\x21-\x7e]{32,500}$/.test(client_secret)) {
    throw new TypeError(
      'client_secret must be 32 characters or more; generate one with: openssl rand -hex 32.',
    )
  }
}

function assertAuthMethod({ client_secret, token_endpoint_auth_method: method }: StaticClient): void {
  const methods = client_secret === undefined ? ['none'] : ['client_secret_basic', 'client_secret_post']
  if (method !== undefined && !methods.includes(method)) {
    const what = client_secret === undefined ? 'without a client_secret' : 'with a client_secret'
    throw new TypeError(`token_endpoint_auth_method must be ${methods.join(' or ')} ${what}.`)
  }
}

function createClient(client: StaticClient): Client {
  const known = {
    id: client.client_id,
    name: normalizeClientName(client.client_name),
    redirectUris: client.redirect_uris ?? [],
  }
  const { client_secret: secret, token_endpoint_auth_method: method } = client
  if (secret === undefined) return { ...known, tokenEndpointAuthMethod: 'none' }
  const isPost = method === 'client_secret_post'
  return {
    ...known,
    tokenEndpointAuthMethod: isPost ? 'client_secret_post' : 'client_secret_basic',
    secretHash: hashToken(secret),
  }
}
