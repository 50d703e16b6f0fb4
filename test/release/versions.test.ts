import { readFileSync } from 'node:fs'
import { test } from 'tap'
import Type from 'typebox'
import { Value } from 'typebox/value'
import { parse } from 'yaml'
import { listVersions } from '../../deploy/release/notes.ts'
import { SETTINGS } from '../../lib/config/settings.ts'

const { version } = JSON.parse(read('package.json'))
const server = JSON.parse(read('server.json'))

test('package, lock file, chart, manifests, server.json and changelog have one version', (t) => {
  const chart = parse(read('deploy/helm/sentry-mcp/Chart.yaml'))
  const lock = JSON.parse(read('package-lock.json'))
  const [image] = parse(read('deploy/kubernetes/kustomization.yaml')).images
  const versions = {
    'package-lock.json': lock.version,
    'package-lock.json, root package': lock.packages[''].version,
    'Chart.yaml, version': chart.version,
    'Chart.yaml, appVersion': chart.appVersion,
    'kustomization.yaml': image.newTag,
    'server.json': server.version,
    'server.json, image': server.packages[0].identifier.split(':').at(-1),
    'CHANGELOG.md': listVersions(read('CHANGELOG.md'))[0],
  }
  for (const [file, found] of Object.entries(versions)) t.equal(found, version, file)
  t.end()
})

/** The rules of server.json that the registry documents, for the parts that ours has; nothing else is in it. */
const Input = {
  name: Type.String({ minLength: 1 }),
  description: Type.String({ minLength: 1 }),
  value: Type.Optional(Type.String()),
  default: Type.Optional(Type.String()),
  placeholder: Type.Optional(Type.String()),
}
const ServerJson = Type.Object(
  {
    $schema: Type.Literal('https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json'),
    name: Type.String({ pattern: '^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$', minLength: 3, maxLength: 200 }),
    title: Type.String({ minLength: 1, maxLength: 100 }),
    description: Type.String({ minLength: 1, maxLength: 100 }),
    version: Type.String({ pattern: '^\\d+\\.\\d+\\.\\d+(-[0-9A-Za-z.-]+)?$', maxLength: 255 }),
    packages: Type.Tuple([
      Type.Object(
        {
          registryType: Type.Literal('oci'),
          identifier: Type.String({ pattern: '^ghcr\\.io/[\\w.-]+/[\\w.-]+:[\\w.-]+$' }),
          runtimeHint: Type.Literal('docker'),
          runtimeArguments: Type.Array(
            Type.Object({ type: Type.Literal('named'), ...Input }, { additionalProperties: false }),
          ),
          transport: Type.Object(
            { type: Type.Literal('streamable-http'), url: Type.String({ pattern: '^https?://[^\\s]+$' }) },
            { additionalProperties: false },
          ),
          environmentVariables: Type.Array(
            Type.Object(
              {
                ...Input,
                isRequired: Type.Optional(Type.Boolean()),
                isSecret: Type.Optional(Type.Boolean()),
              },
              { additionalProperties: false },
            ),
          ),
        },
        { additionalProperties: false },
      ),
    ]),
  },
  { additionalProperties: false },
)

// https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json; the workflow validates by that itself.
test('MCP registry: server.json follows the documented rules of server.schema.json 2025-12-11', (t) => {
  t.same(Value.Errors(ServerJson, server), [])
  t.notSame(Value.Errors(ServerJson, { ...server, description: 'a'.repeat(101) }), [])
  t.notSame(Value.Errors(ServerJson, { ...server, name: 'no-namespace' }), [])
  t.end()
})

test('server.json asks for every setting that is required, and hides the secret ones', (t) => {
  const variables: { name: string; isRequired?: boolean; isSecret?: boolean }[] =
    server.packages[0].environmentVariables
  for (const { name, isSecret = false } of variables) {
    t.ok(name in SETTINGS, `${name} is a setting`)
    t.equal(isSecret, isSecretSetting(name), `${name} is secret or not`)
  }
  const required = Object.entries(SETTINGS).flatMap(([name, setting]) => (setting.required ? [name] : []))
  t.same(variables.flatMap(({ name, isRequired }) => (isRequired ? [name] : [])).sort(), required.sort())
  t.end()
})

// If a placeholder is an account that exists, users run the image of that account.
test('no file of a checkout names an image that others could publish', (t) => {
  t.match(server.packages[0].identifier, /^ghcr\.io\/OWNER\//, 'upper case is in no image name')
  for (const file of ['deploy/helm/sentry-mcp/values.yaml', 'deploy/kubernetes/kustomization.yaml'])
    t.notMatch(read(file), /^\s*(repository|newName): \S*\//m, file)
  t.end()
})

function isSecretSetting(name: string): boolean {
  const setting = Object.entries(SETTINGS).find(([key]) => key === name)?.[1]
  return Boolean(setting?.secret)
}

function read(file: string): string {
  return readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
}
