// What mcp-core imports of `@sentry/core`, for a program that reports nothing: the package would load 200 modules and
// keep scopes of every call. Only `lib/mcp/core/load.ts` refers to this file, in the source that it rewrites.

/** A span, and a scope, of which nothing is recorded. */
const NOTHING = {
  setAttribute() {},
  setAttributes() {},
  setStatus() {},
  recordException() {},
  setContext() {},
  addAttachment() {},
}

export const logger = { trace() {}, debug() {}, info() {}, warn() {}, error() {}, fatal() {} }

export function captureException() {}
export function captureMessage() {}
export function getActiveSpan() {}
export function setTag() {}
export function setUser() {}

export function startSpan<Result>(_options: object, work: (span: typeof NOTHING) => Result): Result {
  return work(NOTHING)
}

export function withScope<Result>(work: (scope: typeof NOTHING) => Result): Result {
  return work(NOTHING)
}

export function wrapMcpServerWithSentry<Server>(server: Server): Server {
  return server
}
