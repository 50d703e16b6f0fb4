import { expect, type Json, type Report, readMessage, WalkError } from './check.ts'
import type { McpSession } from './mcp-session.ts'

const PROTOCOL_VERSION = '2025-11-25'

/** Opens a session as a client of revision 2025-11-25 does, and returns the names of the tools it lists. */
export async function openSession(
  session: McpSession,
  clientName: string,
  report: Report,
): Promise<string[]> {
  const opened = await call(session, 'initialize', 'initialize', {
    protocolVersion: PROTOCOL_VERSION,
    capabilities: {},
    clientInfo: { name: clientName, version: '1.0.0' },
  })
  expect('initialize', typeof opened.protocolVersion === 'string', opened, 'settles no protocol version')
  session.protocolVersion = String(opened.protocolVersion)
  const { name = 'a server', version = '' } = (opened.serverInfo ?? {}) as Json
  report('initialize', `${name} ${version} speaks ${session.protocolVersion}`)

  const status = await session.notify('notifications/initialized')
  expect('notifications/initialized', status === 202, { status }, 'does not get 202')
  report('notifications/initialized', 'accepted')

  const { tools } = await call(session, 'tools/list', 'tools/list')
  const names = (Array.isArray(tools) ? tools : []).map((tool: Json) => String(tool.name))
  expect('tools/list', names.length > 0, { tools: names }, 'is empty')
  report('tools/list', `${names.length} tools`)
  return names
}

/** A user's first calls: who am I, which organizations are there, what is broken. */
export async function callTools(
  session: McpSession,
  tools: readonly string[],
  report: Report,
): Promise<void> {
  for (const name of ['whoami', 'find_organizations', 'search_issues'])
    expect('tools/list', tools.includes(name), { tools }, `does not list ${name}`)

  const { user } = await callTool(session, 'whoami', {})
  const { name, email } = (user ?? {}) as Json
  expect('whoami', typeof email === 'string', { user }, 'has no user')
  report('whoami', `${name} <${email}>`)

  const { organizations } = await callTool(session, 'find_organizations', {})
  const slugs = (Array.isArray(organizations) ? organizations : []).map(({ slug }: Json) => String(slug))
  const [organizationSlug] = slugs
  expect('find_organizations', organizationSlug !== undefined, { organizations }, 'finds no organization')
  report('find_organizations', slugs.join(', '))

  const found = await callTool(session, 'search_issues', { organizationSlug, query: 'is:unresolved' })
  const titles = [...String(found.text).matchAll(/^## \d+\. \[([^\]]+)\]/gm)].map(([, shortId]) => shortId)
  expect('search_issues', titles.length > 0, found, 'finds no issue')
  report('search_issues', titles.join(', '))
}

/** The result of a tool: its structured content, or the text of its content. */
async function callTool(session: McpSession, name: string, args: Json): Promise<Json> {
  const result = await call(session, name, 'tools/call', { name, arguments: args })
  expect(name, result.isError !== true, result, 'is an error')
  if (typeof result.structuredContent === 'object' && result.structuredContent !== null)
    return result.structuredContent as Json
  const content = Array.isArray(result.content) ? (result.content as Json[]) : []
  return { text: content.map(({ text }) => String(text ?? '')).join('\n') }
}

async function call(session: McpSession, step: string, method: string, params?: Json): Promise<Json> {
  const response = await session.request(method, params).catch((error: unknown) => {
    throw new WalkError(step, readMessage(error))
  })
  if (!response.ok) throw new WalkError(step, `gets ${response.status}: ${response.text.slice(0, 500)}`)
  return response.result
}
