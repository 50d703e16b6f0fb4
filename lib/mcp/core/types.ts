import type { Constraints } from '../../model/caller.ts'
import type { UpstreamWrite } from '../../upstream/tool-call.ts'

/** The part of mcp-core 0.39 that this server uses; the package has no types. */
export interface McpCore {
  tools: ToolRegistry
  /** The tools that Sentry's own server lists. */
  TOP_LEVEL_TOOL_NAMES: readonly string[]
  SKILLS: Readonly<Record<string, { id: string; name: string; description: string; deprecated?: boolean }>>
  /** The environment variables that mcp-core reads, in place of the process's. Shared by the whole process. */
  environment: Record<string, string | undefined>
  z: Zod

  /** The tools that skills, constraints and capabilities allow. */
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
  /** Adds the constraints to checked arguments, as `prepareToolParams` does. */
  injectConstraintParams(params: ToolParams, tool: SentryTool, context: ToolContext): ToolParams
  createSearchToolsTool(getTools: () => ToolRegistry): SentryTool
  createExecuteTool(getTools: () => ToolRegistry): SentryTool

  hasAgentProvider(): boolean
  setAgentProvider(provider: string | undefined): void
  setProviderBaseUrls(urls: { openaiBaseUrl?: string; anthropicBaseUrl?: string }): void

  /** The configured AI provider. */
  getAgentProvider(): { getModel(): object; getProviderOptions(): object }
  /** The AI SDK's loop: asks the model until it calls no tool. Throws the provider's errors. */
  generateText(request: {
    model: object
    system: string
    prompt: string
    tools: Readonly<Record<string, object>>
    stopWhen: object
    providerOptions: object
    abortSignal?: AbortSignal
  }): Promise<{ text: string; finishReason: string }>
  stepCountIs(count: number): object
  /** A tool for `generateText`, which passes its errors to the model. */
  agentTool(tool: {
    description: string
    parameters: object
    execute(params: ToolParams): Promise<unknown>
  }): object

  /** A schema for `agentTool` that is sent as it is and validates nothing. */
  jsonSchema(schema: object): object

  isSentryHost(host: string): boolean
  /** Includes errors of an AI provider. */
  isExpectedToolError(error: unknown): boolean
  UserInputError: new (message: string) => Error
  ConfigurationError: new (message: string) => Error
  ApiError: new (message: string) => SentryApiError
  ApiClientError: new (message: string) => SentryApiError

  configureSync(configuration: LogConfiguration): void
}

/** An error response of Sentry's API. */
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

/** The tools of a caller. Descriptions and hints of tools name only these. */
export interface ToolNames {
  availableToolNames: ReadonlySet<string>
  /** The listed ones. */
  directToolNames: ReadonlySet<string>
}

/** The context of a tool call. mcp-core does not use the last three members. */
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
  /** Notifies the client of progress, which must increase from report to report. */
  reportProgress(progress: number, total?: number, message?: string): void
  /**
   * Calls another tool for the same caller; the call is logged, counted and traced as its own. Its writes are added to
   * `writes`.
   */
  callTool(tool: SentryTool, params: unknown, writes: UpstreamWrite[]): Promise<unknown>
  /** Describes the error of such a call for a model. */
  describeError(error: unknown, writes: readonly UpstreamWrite[]): string
  /** Counts a run of the AI provider, which the operator pays for. Rejects beyond the caller's limit. */
  countAgentRun(): Promise<void>
}

export type ZodShape = Readonly<Record<string, unknown>>

/** A Zod schema, for the instance of Zod that created it only. */
export interface ZodType {
  safeParse?(value: unknown): { success: boolean; data?: unknown; error?: { issues: readonly ZodIssue[] } }
}

/** What is wrong with a value (Zod 4). */
export interface ZodIssue {
  code: string
  path: readonly PropertyKey[]
  message: string
  expected?: string
  values?: readonly unknown[]
  keys?: readonly string[]
  errors?: readonly (readonly ZodIssue[])[]
}

/** A Zod schema under construction. */
export interface ZodField {
  trim(): ZodField
  min(length: number): ZodField
  nullable(): ZodField
  default(value: unknown): ZodField
  describe(text: string): ZodField
}

export interface Zod {
  object(shape: ZodShape): ZodType
  /** An object with these members and any others. */
  looseObject(shape: ZodShape): ZodField
  union(variants: readonly ZodField[]): ZodField
  string(): ZodField
  boolean(): ZodField
  toJSONSchema(schema: ZodType, options: Record<string, string>): Record<string, unknown>
}

/** The configuration of LogTape, mcp-core's logger. */
export interface LogConfiguration {
  reset: boolean
  sinks: Record<string, (record: LogEntry) => void>
  loggers: { category: string | string[]; sinks: string[]; lowestLevel: string }[]
}

export interface LogEntry {
  level: 'trace' | 'debug' | 'info' | 'warning' | 'error' | 'fatal'
  category: readonly string[]
  /** Alternating texts and values. */
  message: readonly unknown[]
  properties: Record<string, unknown>
}
