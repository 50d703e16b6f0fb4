import { readFileSync } from 'node:fs'

const { version, dependencies } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string; dependencies: Record<string, string> }

/** The version of this service, as package.json has it. */
export const VERSION: string = version

/** The version of mcp-core: of the package that it comes in, which package.json pins. */
export const MCP_CORE_VERSION: string = dependencies['@sentry/mcp-core']?.split('@').at(-1) ?? 'unknown'
