import type { Constraints } from '../../model/caller.ts'

/** What this server uses of mcp-core 0.39, which publishes no types of its own. */
export interface McpCore {
  tools: ToolRegistry
  /** The names that Sentry's own server lists directly. */
  TOP_LEVEL_TOOL_NAMES: readonly string[]
  SKILLS: Readonly<Record<string, { id: string; name: string; description: string; deprecated?: boolean }>>
  /** The environment variables that mcp-core sees, in place of those of the process. */
  environment: Record<string, string | undefined>
  z: Zod

  /** The tools that skills, constraints and capabilities leave. */
  getAvailableTools(request: {
    tools: ToolRegistry
    context: Pick<ToolContext, 'constraints' | 'grantedSkills'>
    experimentalMode: boolean
    useDefaultSurfacePolicy: boolean
  }): { key: string; tool: SentryTool }[]
  /** A tool's parameters without those that the constraints fill in. */
  getFilteredInputSchema(tool: SentryTool, context: Pick<ToolContext, 'constraints'>): ZodShape
  /** Checks arguments and adds the constraints. Throws `UserInputError`. */
  prepareToolParams(request: { tool: SentryTool; params: unknown; context: ToolContext }): ToolParams
  createSearchToolsTool(getTools: () => ToolRegistry): SentryTool
  createExecuteTool(getTools: () => ToolRegistry): SentryTool

  hasAgentProvider(): boolean
  setAgentProvider(provider: string | undefined): void
  setProviderBaseUrls(urls: { openaiBaseUrl?: string; anthropicBaseUrl?: string }): void

  /** Has the AI provider work on a prompt with tools. Throws the provider's errors, and `UserInputError`. */
  callEmbeddedAgent(request: {
    system: string
    prompt: string
    tools: Readonly<Record<string, object>>
    schema: ZodType
  }): Promise<{ result: { result: string }; toolCalls: readonly { toolName: string; args: unknown }[] }>
  /** A tool for `callEmbeddedAgent`, whose errors are told to the model. */
  agentTool(tool: {
    description: string
    parameters: ZodType
    execute(params: ToolParams): Promise<unknown>
  }): object

  isSentryHost(host: string): boolean
  /** Faults of an AI provider among them. */
  isExpectedToolError(error: unknown): boolean
  UserInputError: new (message: string) => Error
  ConfigurationError: new (message: string) => Error
  ApiError: new (message: string) => SentryApiError
  ApiClientError: new (message: string) => SentryApiError

  configureSync(configuration: LogConfiguration): void
}

/** An answer of Sentry's API that is an error. */
export type SentryApiError = Error & { status: number | undefined }

export type ToolRegistry = Readonly<Record<string, SentryTool>>

export type ToolParams = Record<string, unknown>

/** A tool as mcp-core defines it. */
export interface SentryTool {
  readonly name: string
  readonly description: string | ((session: ToolNames & { experimentalMode: boolean }) => string)
  readonly skills: readonly string[]
  readonly requiredScopes: readonly string[]
  readonly requiredCapabilities?: readonly string[]
  readonly inputSchema: ZodShape
  readonly outputSchema?: ZodType
  readonly annotations: ToolAnnotations
  handler(params: ToolParams, context: ToolContext): Promise<unknown>
}

export interface ToolAnnotations {
  readOnlyHint?: boolean
  destructiveHint?: boolean
  idempotentHint?: boolean
  openWorldHint?: boolean
}

/** Which tools a session has, so that descriptions and hints name no others. */
export interface ToolNames {
  availableToolNames: ReadonlySet<string>
  /** Those that the session lists. */
  directToolNames: ReadonlySet<string>
}

/** What a tool is told about the request it works for. */
export interface ToolContext extends ToolNames {
  accessToken: string
  userId: string
  clientName: string
  sentryHost: string
  sentryProtocol: 'https' | 'http'
  mcpUrl: string
  constraints: Constraints
  grantedSkills: ReadonlySet<string>
  transport: 'http'
  experimentalMode: false
  /** Tells the client how far the call has come; `progress` grows from report to report. */
  reportProgress(progress: number, total?: number, message?: string): void
  /** Runs the call of another tool that this one makes for its caller, so that an operator hears of it too. */
  watchCall<Result>(names: { tool: string; via?: string }, work: () => Promise<Result>): Promise<Result>
}

export type ZodShape = Readonly<Record<string, unknown>>

/** A Zod schema; it only ever goes back to the Zod it came from. */
export type ZodType = object

/** A Zod schema that is being made. */
export interface ZodField {
  trim(): ZodField
  min(length: number): ZodField
  nullable(): ZodField
  default(value: unknown): ZodField
  describe(text: string): ZodField
}

export interface Zod {
  object(shape: ZodShape): ZodType
  string(): ZodField
  boolean(): ZodField
  toJSONSchema(schema: ZodType, options: Record<string, string>): Record<string, unknown>
}

/** The configuration of LogTape, which mcp-core logs with. */
export interface LogConfiguration {
  reset: boolean
  sinks: Record<string, (record: LogEntry) => void>
  loggers: { category: string | string[]; sinks: string[]; lowestLevel: string }[]
}

export interface LogEntry {
  level: 'trace' | 'debug' | 'info' | 'warning' | 'error' | 'fatal'
  category: readonly string[]
  /** Texts and values in turn. */
  message: readonly unknown[]
  properties: Record<string, unknown>
}
