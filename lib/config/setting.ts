/** A kind of value: what a text of it looks like, and how it is parsed. */
export interface Kind<Value> {
  /** Completes "NAME should be …". */
  expected: string
  /** A secret is never repeated in a message. */
  secret?: boolean
  /** Throws when the text is malformed; a `SettingError` says why. */
  parse(text: string): Value
}

/** One setting: its kind, and what the documents say about it. */
export interface Setting<Value> extends Kind<Value> {
  /** One or more sentences for the documents. */
  purpose: string
  required: boolean
  /** The value of a setting that is not required and not set. */
  default?: Value
  /** Another name of the variable, which is read first. */
  alias?: string
  /** What `.env.example` shows in place of the default. */
  example?: string
}

/** Why the value of a setting is malformed, without repeating a secret. The sentences follow "NAME: ". */
export class SettingError extends Error {
  override readonly name = 'SettingError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join(' '))
    this.problems = problems
  }
}

/** A setting without which the service does not start. */
export function required<Value>(kind: Kind<Value>, purpose: string, example?: string): Setting<Value> {
  return { ...kind, purpose, required: true, example }
}

/** A setting that is `undefined` unless it is set. */
export function optional<Value>(kind: Kind<Value>, purpose: string): Setting<Value | undefined> {
  return { ...kind, purpose, required: false }
}

/** A setting that is `fallback` unless it is set. */
export function withDefault<Value>(
  kind: Kind<Value>,
  fallback: NoInfer<Value>,
  purpose: string,
): Setting<Value> & { default: Value } {
  return { ...kind, purpose, required: false, default: fallback }
}
