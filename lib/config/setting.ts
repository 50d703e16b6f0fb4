import { parseText } from './parsers.ts'

/** A setting: what it is for, what it should be, and how its text becomes a value. */
export interface Setting<Value> {
  /** What it is for, one sentence for the table in the documentation. */
  purpose: string
  /** Completes "NAME should be …". */
  expected: string
  required: boolean
  default: Value
  /** A secret is never repeated in a message. */
  secret: boolean
  /** The name under which other programs look for it first. */
  alias?: string
  /** Throws when the text is not what is expected; `SettingError` says in its own words why not. */
  parse(text: string): Value
}

/** What of a setting is said for each: the rest follows. */
export interface Form<Value> {
  expected: string
  secret?: boolean
  alias?: string
  parse(text: string): Value
}

/** A setting without which the service does not start. */
export function required<Value>(purpose: string, form: Form<Value>): Setting<Value> {
  // The default of a required setting is never read; it only carries the type.
  return { purpose, secret: false, ...form, required: true, default: undefined as Value }
}

/** A setting that is `fallback` where it is not set. */
export function optional<Value>(purpose: string, fallback: Value, form: Form<Value>): Setting<Value> {
  return { purpose, secret: false, ...form, required: false, default: fallback }
}

/** A setting that is any text, or none. */
export function optionalText(purpose: string, secret = false): Setting<string | undefined> {
  return optional(purpose, undefined as string | undefined, { expected: 'text', secret, parse: parseText })
}
