import { test } from 'tap'
import { loadMcpCore } from '../../../../lib/mcp/core/load.ts'
import { createToolCatalogue } from '../../../../lib/mcp/tools/catalogue.ts'
import {
  createExecuteTool,
  createReadTool,
  EXECUTE_TOOL,
  hintReading,
  READ_TOOL,
} from '../../../../lib/mcp/tools/gateways.ts'
import { type Authority, createToolPolicy } from '../../../../lib/mcp/tools/policy.ts'
import { toPlainSchema } from '../../../../lib/mcp/tools/schema.ts'
import { createUseSentryTool, USE_SENTRY } from '../../../../lib/mcp/tools/use-sentry.ts'
import { DEFAULT_SCOPES } from '../../../sandbox/sentry/server.ts'
import { createSettings, EVERY_SKILL } from '../../../support/mcp-service.ts'

const core = await loadMcpCore()
const tools = {
  ...core.tools,
  [EXECUTE_TOOL]: createExecuteTool(core, () => core.tools),
  [READ_TOOL]: createReadTool(core, () => core.tools),
  [USE_SENTRY]: createUseSentryTool(core, new Map()),
}

const SURFACES = ['standard', 'compact', 'full']
const CONSTRAINTS: Authority['constraints'][] = [
  {},
  { organizationSlug: 'acme' },
  { organizationSlug: 'acme', projectSlug: 'shop' },
]

const ALLOWED = ['type', 'description', 'enum', 'properties', 'required', 'items', 'anyOf']
const TYPES = ['string', 'number', 'integer', 'boolean', 'array', 'object', 'null']

/** What some vendor refuses in a schema, with where it is. */
function findFaults(node: unknown, at: string): string[] {
  if (typeof node !== 'object' || node === null || Array.isArray(node)) return [`${at} is not a schema`]
  const schema = node as Record<string, unknown>
  const { type, enum: values, properties, required, items, anyOf } = schema
  const variants = Array.isArray(anyOf) ? anyOf : []
  const texts = Array.isArray(values) ? values : []
  return [
    ...Object.keys(schema)
      .filter((keyword) => !ALLOWED.includes(keyword))
      .map((keyword) => `${at}: ${keyword}`),
    ...(anyOf !== undefined && Object.keys(schema).length > 1 ? [`${at}: keywords beside anyOf`] : []),
    ...(type !== undefined && !TYPES.includes(String(type)) ? [`${at}: type ${type}`] : []),
    ...(type === undefined && anyOf === undefined ? [`${at}: neither type nor anyOf`] : []),
    ...(type === 'object' && Object.keys(properties ?? {}).length === 0 ? [`${at}: no properties`] : []),
    ...(texts.some((text) => typeof text !== 'string' || text === '') ? [`${at}: enum of other values`] : []),
    ...(values !== undefined && (type !== 'string' || texts.length === 0)
      ? [`${at}: enum without texts`]
      : []),
    ...(type === 'array' && items === undefined ? [`${at}: no items`] : []),
    ...(type !== 'object' && (properties ?? required) !== undefined
      ? [`${at}: properties of no object`]
      : []),
    ...(Array.isArray(required) && !required.every((name) => Object.hasOwn(properties ?? {}, name))
      ? [`${at}: requires what it does not have`]
      : []),
    ...Object.entries(properties ?? {}).flatMap(([name, one]) => findFaults(one, `${at}.${name}`)),
    ...(items === undefined ? [] : findFaults(items, `${at}[]`)),
    ...variants.flatMap((one, index) => findFaults(one, `${at}|${index}`)),
  ]
}

// router-for-me/CLIProxyAPI#4754, tailcallhq/forgecode#3426: one refused keyword refuses the whole request. So does an
// object without properties: vercel/ai#3371 and browser-use/browser-use#3786 (Gemini), openai/openai-agents-python#449.
test('every schema of every surface is in the subset that OpenAI, Gemini and Claude take', async (t) => {
  for (const { name, inputSchema, outputSchema } of listEverything()) {
    t.same(findFaults(inputSchema, name), [])
    t.equal(inputSchema.type, 'object', name)
    if (outputSchema !== undefined) t.same(findFaults(outputSchema, `${name} result`), [])
  }
})

// OpenAI's API refuses a longer description of a function.
test('no description of a tool has more than 1,024 characters, for any surface and limit', async (t) => {
  for (const { name, description } of listEverything()) t.ok(description.length <= 1024, name)
})

test('what a description loses is in the description of a parameter', async (t) => {
  const names = Object.keys(tools)
  const context = {
    availableToolNames: new Set(names),
    directToolNames: new Set(names),
    experimentalMode: false,
  }
  const listed = new Map(listTools('full', {}, true).map((tool) => [tool.name, tool]))
  const words = (text: string) =>
    new Set(text.replaceAll(/<\/?(examples|hints)>/g, '').match(/[\w.@:/'"=-]{3,}/g))
  for (const { name, description } of Object.values(tools)) {
    const full = hintReading(
      typeof description === 'string' ? description : description(context),
      core.tools,
      context,
    )
    const shown = words(JSON.stringify(listed.get(name)).replaceAll('\\n', ' ').replaceAll('\\"', '"'))
    const lost = [...words(full)].filter(
      (word) => !shown.has(word) && !JSON.stringify(listed.get(name)).includes(word.replaceAll('"', '\\"')),
    )
    t.same(lost, [], name)
  }
})

test('every tool has a title (MCP 2025-06-18, BaseMetadata), also among its annotations', async (t) => {
  for (const { name, title, annotations } of listEverything()) {
    t.match(title, /^[A-Z][\w ]+$/, name)
    t.equal(annotations.title, title)
  }
})

test('a schema of unions, tuples and nesting is looser than what validates, and keeps its facts', async (t) => {
  const kinds = {
    type: 'object',
    required: ['pair', 'kind'],
    additionalProperties: false,
    properties: {
      pair: {
        type: 'array',
        prefixItems: [{ type: 'string' }, { type: 'number' }],
        items: false,
        maxItems: 2,
      },
      kind: { oneOf: [{ const: 'a' }, { const: 2 }, { type: 'object', propertyNames: { type: 'string' } }] },
      many: { type: ['string', 'null'], minLength: 3, format: 'uri', default: 'x', description: 'Many' },
      choice: { type: 'string', enum: ['', 'b'] },
      none: { type: 'object', properties: {} },
      any: { type: 'object', propertyNames: { type: 'string' }, additionalProperties: {} },
    },
  }
  const z = { ...core.z, toJSONSchema: () => kinds }
  const plain = toPlainSchema({ ...core, z }, {})
  t.same(findFaults(plain, 'plain'), [])
  t.same(plain.required, ['pair', 'kind'])
  t.match(plain.properties, {
    pair: { items: { anyOf: [{ type: 'string' }, { type: 'number' }] }, description: /At most 2 items/ },
    kind: {
      anyOf: [
        { type: 'string', enum: ['a'] },
        { type: 'number', description: 'One of 2.' },
        { type: 'object' },
      ],
    },
    many: { anyOf: [{ type: 'string', description: /Many.*3 characters.*uri.*"x"/ }, { type: 'null' }] },
    choice: { type: 'string', description: 'One of "", "b".' },
    none: { properties: { unused: { type: 'string' } } },
    any: { properties: { unused: { type: 'string' } } },
  })
})

function listEverything() {
  return SURFACES.flatMap((surface) =>
    CONSTRAINTS.flatMap((constraints) =>
      [true, false].flatMap((isCloud) => listTools(surface, constraints, isCloud)),
    ),
  )
}

function listTools(surface: string, constraints: Authority['constraints'], isCloud: boolean) {
  const policy = createToolPolicy({
    core,
    tools,
    settings: createSettings('sentry.example.com', { TOOL_SURFACE: surface }),
    hasAgentProvider: true,
  })
  const catalogue = createToolCatalogue({ core, tools, policy, isCloud })
  const authority = { scope: new Set(DEFAULT_SCOPES), skills: new Set(EVERY_SKILL), constraints }
  return catalogue.findVariant(authority).list
}
