import { test } from 'tap'
import { loadMcpCore } from '../../../../lib/mcp/core/load.ts'
import { createToolCatalogue } from '../../../../lib/mcp/tools/catalogue.ts'
import { type Authority, createToolPolicy } from '../../../../lib/mcp/tools/policy.ts'
import { DEFAULT_SCOPES } from '../../../sandbox/sentry/server.ts'
import { createSettings, EVERY_SKILL } from '../../../support/mcp-service.ts'

const core = await loadMcpCore()

test('every listed tool has a description, annotations and a JSON Schema 2020-12 of an object', async (t) => {
  const { list } = createCatalogue({ TOOL_SURFACE: 'full', DIRECT_SEARCH: 'true' }).findVariant(everything())
  t.equal(list.length, 56)
  for (const { name, description, inputSchema, annotations } of list) {
    t.match(description, /\w{3}/, name)
    t.equal(inputSchema.type, 'object', name)
    t.notOk('$schema' in inputSchema, `${name} names no dialect, so that it is 2020-12`)
    t.notMatch(
      JSON.stringify(inputSchema),
      /"definitions"|#\/definitions/,
      `${name} has no draft-07 keywords`,
    )
    t.type(annotations.readOnlyHint, 'boolean', name)
  }
})

test('no type in a schema is a list, which strict clients warn of; null stays allowed', async (t) => {
  const { list } = createCatalogue({ TOOL_SURFACE: 'full', DIRECT_SEARCH: 'true' }).findVariant(everything())
  t.notMatch(JSON.stringify(list), /"type":\[/)
  const whoami = list.find(({ name }) => name === 'whoami')
  t.match(whoami?.outputSchema, {
    properties: { user: { properties: { name: { anyOf: [{ type: 'string' }, { type: 'null' }] } } } },
  })
  const monitors = list.find(({ name }) => name === 'update_uptime_monitor')
  t.match(monitors?.inputSchema, {
    properties: {
      body: {
        anyOf: [
          { type: 'string', description: 'Request body. Pass `null` to clear the body.' },
          { type: 'null' },
        ],
      },
    },
  })
})

test('a result with properties beyond its schema is valid', async (t) => {
  const { list } = createCatalogue().findVariant(everything())
  const whoami = list.find(({ name }) => name === 'whoami')
  t.ok(whoami?.outputSchema)
  t.notMatch(JSON.stringify(whoami?.outputSchema), /"additionalProperties":false/)
})

test('with a self-hosted Sentry no tool has a region parameter', async (t) => {
  const selfHosted = createCatalogue({ TOOL_SURFACE: 'full' }).findVariant(everything())
  t.notMatch(JSON.stringify(selfHosted.list.map(({ inputSchema }) => inputSchema)), /regionUrl/)
  const cloud = createCatalogue({ TOOL_SURFACE: 'full' }, { isCloud: true }).findVariant(everything())
  t.match(JSON.stringify(cloud.list.map(({ inputSchema }) => inputSchema)), /regionUrl/)
})

test('constraints disappear from the schemas, and their values share a variant', async (t) => {
  const catalogue = createCatalogue({}, { isCloud: true })
  const find = (constraints: Authority['constraints']) =>
    catalogue.findVariant({ ...everything(), constraints })
  const acme = find({ organizationSlug: 'acme', regionUrl: 'https://us.sentry.io' })
  const properties = JSON.stringify(acme.list.map(({ inputSchema }) => inputSchema.properties))
  t.notMatch(properties, /"organizationSlug"|"regionUrl"/)
  t.match(properties, /"projectSlug"/)
  t.notMatch(String(acme.listJson), /acme/)
  t.equal(find({ organizationSlug: 'other', regionUrl: 'https://de.sentry.io' }), acme)
  const project = find({ organizationSlug: 'acme', projectSlug: 'shop' })
  t.notMatch(
    JSON.stringify(project.list.map(({ inputSchema }) => inputSchema.properties)),
    /"projectSlug(OrId)?"/,
  )
})

test('callers share a variant only if they may use the same tools', async (t) => {
  const catalogue = createCatalogue()
  const variant = catalogue.findVariant(everything())
  const shuffled = { ...everything(), skills: new Set(EVERY_SKILL.toReversed()) }
  t.equal(catalogue.findVariant(shuffled), variant)
  const constraints = { organizationSlug: 'acme', projectSlug: 'shop' }
  const others: Authority[] = [
    { ...everything(), skills: new Set(['inspect']) },
    { ...everything(), scope: new Set(['org:read']) },
    { ...everything(), constraints },
    { ...everything(), constraints: { ...constraints, projectCapabilities: {} } },
    { ...everything(), constraints: { ...constraints, projectCapabilities: { traces: true } } },
  ]
  t.equal(new Set([variant, ...others.map(catalogue.findVariant)]).size, 6)
})

test('the number of variants is bounded; the least recently used is evicted', async (t) => {
  const catalogue = createCatalogue()
  const frequent = catalogue.findVariant(everything())
  const rare = catalogue.findVariant({ ...everything(), scope: new Set(['rare']) })
  for (let index = 0; index < 63; index += 1) {
    catalogue.findVariant({ ...everything(), scope: new Set([`scope${index}`]), skills: new Set() })
    catalogue.findVariant(everything())
  }
  t.equal(catalogue.findVariant(everything()), frequent)
  t.not(catalogue.findVariant({ ...everything(), scope: new Set(['rare']) }), rare)
})

test('two catalogues list the same bytes (MCP 2026-07-28: a deterministic order)', async (t) => {
  const [first, second] = [createCatalogue(), createCatalogue()]
  t.same(first.findVariant(everything()).listJson, second.findVariant(everything()).listJson)
})

test('descriptions do not mention a disabled tool', async (t) => {
  const describe = (settings: Record<string, string>) =>
    createCatalogue(settings)
      .findVariant(everything())
      .list.filter(({ name }) => name === 'get_sentry_resource')
      .map((tool) => JSON.stringify(tool))
      .join()
  t.match(describe({}), /get_snapshot_image/)
  t.notMatch(describe({ DISABLED_TOOLS: 'get_snapshot_image' }), /get_snapshot_image/)
})

test('with READ_ONLY, execute_sentry_tool is annotated as read-only', async (t) => {
  const execute = (settings: Record<string, string>) =>
    createCatalogue(settings)
      .findVariant(everything())
      .list.find(({ name }) => name === 'execute_sentry_tool')
  t.match(execute({ READ_ONLY: 'true' })?.annotations, { readOnlyHint: true, destructiveHint: false })
  t.match(execute({})?.annotations, { readOnlyHint: false, destructiveHint: true })
})

function createCatalogue(settings: Record<string, string> = {}, { isCloud = false } = {}) {
  const policy = createToolPolicy({
    core,
    tools: core.tools,
    settings: createSettings('sentry.example.com', settings),
    hasAgentProvider: false,
  })
  return createToolCatalogue({ core, tools: core.tools, policy, isCloud })
}

function everything(): Authority {
  return { scope: new Set(DEFAULT_SCOPES), skills: new Set(EVERY_SKILL), constraints: {} }
}
