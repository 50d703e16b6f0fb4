import { mayHide, showHidden, showName } from './visible-text.ts'

/** Members whose text is a name, a title, an id or an address, in Sentry's API; of a dotted key, the last part. */
const NAMES = new Set([
  ...[
    'name',
    'title',
    'subtitle',
    'displayName',
    'display_name',
    'shortId',
    'short_id',
    'slug',
    'key',
    'label',
  ],
  ...[
    'username',
    'email',
    'contact_email',
    'ip_address',
    'ipAddress',
    'author',
    'display',
    'tag',
    'tags',
    'group',
  ],
  ...[
    'id',
    'eventID',
    'eventId',
    'event_id',
    'uuid',
    'groupID',
    'issue',
    'url',
    'urls',
    'href',
    'uri',
    'permalink',
  ],
  ...['culprit', 'transaction', 'transaction_name', 'location', 'function', 'module', 'package', 'filename'],
  ...[
    'absPath',
    'abs_path',
    'rawFunction',
    'file',
    'path',
    'route',
    'method',
    'type',
    'category',
    'level',
    'logger',
  ],
  ...[
    'environment',
    'release',
    'version',
    'shortVersion',
    'dist',
    'platform',
    'status',
    'op',
    'ref',
    'mimetype',
  ],
  ...[
    'project',
    'projectSlug',
    'project_slug',
    'project_name',
    'organization',
    'team',
    'monitor',
    'severity',
  ],
  ...[
    'profile_name',
    'device',
    'browser',
    'os',
    'sdk',
    'screen',
    'screens',
    'image_file_name',
    'app_id',
    'unit',
  ],
])

/** Members that hold what a program had in its memory: nothing below them is a name, except the keys. */
const FREE = new Set(['vars', 'context', 'extra'])

/** The file that a user attached to an event. A user who asks for it gets it as it is. */
const ATTACHMENT_PATH = /\/events\/[^/]+\/attachments\/[^/]+\/$/

/** A response of Sentry as far as it decides whether its body is data that tools format. */
export interface BodyOrigin {
  url: URL
  ok: boolean
  headers: Headers
}

export interface CleanBody {
  bytes: Buffer
  /** The same, parsed, if it is JSON: who reads it need not parse it again. */
  json?: { value: unknown }
}

/**
 * The body of a response of Sentry with nothing hidden in it, before mcp-core writes it into Markdown. In JSON, hidden
 * characters of every string are shown, and keys, names and titles become one line that opens no block (`showName`).
 * The same bytes if nothing has to change, if it is not JSON, or if it is the attachment of an event.
 */
export function cleanBody(body: Buffer, { url, ok, headers }: BodyOrigin): CleanBody {
  if (!/\bjson\b/i.test(headers.get('content-type') ?? '')) return { bytes: body }
  if (ok && ATTACHMENT_PATH.test(url.pathname)) return { bytes: body }
  const text = body.toString('utf8')
  let root: unknown
  try {
    root = JSON.parse(text.startsWith('\ufeff') ? text.slice(1) : text)
  } catch {
    // What is not JSON after all fails in mcp-core, whose error repeats some of it.
    return { bytes: Buffer.from(showHidden(text)) }
  }
  const { value, isChanged } = cleanValue(root, mayHide(text))
  return { bytes: isChanged ? Buffer.from(JSON.stringify(value)) : body, json: { value } }
}

type Container = Record<string, unknown> | unknown[]

interface Place {
  node: Container
  /** Texts here are names, because the list is one of names. */
  isName: boolean
  isFree: boolean
}

/** The value, changed in place. Without recursion, so depth does not matter. */
function cleanValue(root: unknown, hides: boolean): { value: unknown; isChanged: boolean } {
  const holder = { '': root }
  const stack: Place[] = [{ node: holder, isName: false, isFree: false }]
  let isChanged = false
  for (let place = stack.pop(); place !== undefined; place = stack.pop()) {
    const { node, isFree } = place
    const set = (key: string | number, value: string) => {
      isChanged = true
      ;(node as Record<string | number, unknown>)[key] = value
    }
    if (Array.isArray(node)) {
      for (let index = 0; index < node.length; index += 1) {
        const value: unknown = node[index]
        if (typeof value === 'string') {
          const clean = place.isName ? showName(value) : hides ? showHidden(value) : value
          if (clean !== value) set(index, clean)
        } else if (typeof value === 'object' && value !== null) {
          // Tags may be a list of pairs.
          stack.push({ node: value as Container, isName: place.isName && Array.isArray(value), isFree })
        }
      }
      continue
    }
    let hasOddKey = false
    for (const key of Object.keys(node)) {
      const { isOdd, isName } = describeKey(key)
      if (isOdd) hasOddKey = true
      const value = node[key]
      if (typeof value === 'string') {
        const clean = !isFree && isName ? showName(value) : hides ? showHidden(value) : value
        if (clean !== value) set(key, clean)
      } else if (typeof value === 'object' && value !== null) {
        const isNameList = !isFree && Array.isArray(value) && isName
        stack.push({ node: value as Container, isName: isNameList, isFree: isFree || FREE.has(key) })
      }
    }
    if (hasOddKey) {
      isChanged = true
      renameKeys(node)
    }
  }
  return { value: holder[''], isChanged }
}

interface KeyDescription {
  /** It has to change. */
  isOdd: boolean
  /** Its text is a name. */
  isName: boolean
}

/** Sentry's API has a few hundred keys, and describing one takes longer than the rest of the work on its value. */
const descriptions = new Map<string, KeyDescription>()
const MAX_DESCRIPTIONS = 4_000

function describeKey(key: string): KeyDescription {
  const known = descriptions.get(key)
  if (known !== undefined) return known
  const description = { isOdd: showName(key) !== key, isName: isNameKey(key) }
  if (key.length <= 64 && descriptions.size < MAX_DESCRIPTIONS) descriptions.set(key, description)
  return description
}

function isNameKey(key: string): boolean {
  if (NAMES.has(key)) return true
  const dot = key.lastIndexOf('.')
  return dot !== -1 && NAMES.has(key.slice(dot + 1))
}

/** Gives every member its clean key, in the same order. */
function renameKeys(node: Record<string, unknown>): void {
  for (const [key, value] of Object.entries(node)) {
    delete node[key]
    // A key such as `__proto__` has to become a member like any other.
    Object.defineProperty(node, showName(key), {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    })
  }
}
