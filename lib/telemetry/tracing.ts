/** What a span tells beside its name and times. No query, header, body, key or identifier of a user belongs here. */
export type SpanFacts = Readonly<Record<string, string | number | undefined>>

export interface SpanDescription {
  /** Out of a small set, such as `tools/call whoami`. */
  name: string
  /** `client`: somebody else is waited for. */
  kind: 'internal' | 'client'
  facts: SpanFacts
}

export interface Tracing {
  /**
   * Runs `work` in a span of the request it belongs to, and rejects as it does. `note` adds facts; with
   * `error.type` among them the span counts as failed, and so it does when `work` rejects.
   */
  trace<Result>(
    description: SpanDescription,
    work: (note: (facts: SpanFacts) => void) => Promise<Result>,
  ): Promise<Result>
}

/** Traces nothing. */
export const NO_TRACING: Tracing = { trace: (_description, work) => work(() => undefined) }
