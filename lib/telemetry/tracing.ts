/** Attributes of a span: never a query, header, body or key, and no identifier of a user. */
export type SpanAttributes = Readonly<Record<string, string | number | undefined>>

export interface SpanDescription {
  /** One of few, such as `tools/call whoami`. */
  name: string
  /** `client`: another service is waited for. */
  kind: 'internal' | 'client'
  attributes: SpanAttributes
}

export interface Tracing {
  /**
   * Runs `work` in a span of the current request, and settles as it does. `setAttributes` adds attributes. The span
   * counts as failed when `work` rejects or `error.type` is among its attributes.
   */
  trace<Result>(
    description: SpanDescription,
    work: (setAttributes: (attributes: SpanAttributes) => void) => Promise<Result>,
  ): Promise<Result>
}

/** Traces nothing. */
export const NO_TRACING: Tracing = { trace: (_description, work) => work(() => undefined) }
