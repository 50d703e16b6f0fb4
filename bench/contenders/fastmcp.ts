import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { loadSentryTools } from './sentry-tools.ts'

/** The part of FastMCP that is used. The package is installed beside this file and no dependency of the project. */
interface FastMcpModule {
  FastMCP: new (options: {
    name: string
    version: string
    auth: object
  }) => {
    addTool(tool: {
      name: string
      description: string
      parameters: unknown
      annotations: object
      canAccess(auth: object): boolean
      execute(params: Record<string, unknown>, context: { session?: object }): Promise<string>
    }): void
    start(options: {
      transportType: 'httpStream'
      httpStream: { port: number; host: string; endpoint: `/${string}`; stateless: boolean }
    }): Promise<void>
    stop(): Promise<void>
  }
  OAuthProvider: new (options: Record<string, unknown>) => object
  requireAuth(auth: object): boolean
  getAuthSession(session: object | undefined): { accessToken: string }
}

/** FastMCP with its OAuth proxy as its documentation shows it: signed in, its tokens in memory, and without limits. */
const { SENTRY_HOST: host = '', SENTRY_CLIENT_ID, SENTRY_CLIENT_SECRET, PORT, BASE_URL } = process.env
const address = pathToFileURL(createRequire(import.meta.url).resolve('fastmcp'))
const { FastMCP, OAuthProvider, requireAuth, getAuthSession } = (await import(address.href)) as FastMcpModule

const server = new FastMCP({
  name: 'fastmcp',
  version: '1.0.0',
  auth: new OAuthProvider({
    baseUrl: BASE_URL,
    clientId: SENTRY_CLIENT_ID,
    clientSecret: SENTRY_CLIENT_SECRET,
    authorizationEndpoint: `http://${host}/oauth/authorize/`,
    tokenEndpoint: `http://${host}/oauth/token/`,
    tokenEndpointAuthMethod: 'client_secret_post',
    scopes: ['org:read', 'project:read', 'project:write', 'team:read', 'team:write', 'event:write'],
    // Only the requests after the sign-in are measured.
    consentRequired: false,
  }),
})
for (const { name, description, annotations, inputSchema, call } of await loadSentryTools(host)) {
  server.addTool({
    name,
    description,
    annotations,
    parameters: inputSchema,
    canAccess: requireAuth,
    execute: (params, { session }) => call(params, getAuthSession(session).accessToken),
  })
}
await server.start({
  transportType: 'httpStream',
  httpStream: { port: Number(PORT), host: '127.0.0.1', endpoint: '/mcp', stateless: true },
})
process.once('SIGTERM', () => server.stop())
