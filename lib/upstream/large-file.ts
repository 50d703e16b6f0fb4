import type { SentryLocation } from './location.ts'

/** The largest file that is read for a client, in bytes. A client gets it in base64, all of it at once. */
export const MAX_FILE_BYTES = 5 * 1024 * 1024

/** A file in Sentry that is too large to hand on. */
export interface LargeFile {
  /** Of an attachment; undefined for a file that Sentry gives no name. */
  name: string | undefined
  type: string | undefined
  /** In bytes; undefined if Sentry did not say. */
  size: number | undefined
  /** Where the user can open it, signed in at Sentry. */
  url: string
}

/** The response is a file that is too large to hand on. It was not read, and the result should name its address. */
export class LargeFileError extends Error {
  override readonly name = 'LargeFileError'
  readonly file: LargeFile

  constructor(file: LargeFile) {
    super(`A file is larger than ${MAX_FILE_BYTES} bytes.`)
    this.file = file
  }
}

/** What a result says instead of a file. */
export function describeLargeFile({ name, type, size, url }: LargeFile): string {
  return [
    '# File in Sentry',
    '',
    ...(name === undefined ? [] : [`**Filename:** ${name}`]),
    ...(size === undefined ? [] : [`**Size:** ${size} bytes`]),
    ...(type === undefined ? [] : [`**MIME Type:** ${type}`]),
    `**URL:** ${url}`,
    '',
    `The file is larger than ${MAX_FILE_BYTES / 1024 ** 2} MiB and was not downloaded. The user can open the URL in a browser that is signed in to Sentry.`,
  ].join('\n')
}

const ATTACHMENTS = /^\/api\/0\/projects\/[^/]+\/[^/]+\/events\/[^/]+\/attachments\/$/
const ATTACHMENT = /^\/api\/0\/projects\/[^/]+\/[^/]+\/events\/[^/]+\/attachments\/[^/]+\/$/
const RECORDING = /^\/api\/0\/projects\/([^/]+)\/[^/]+\/replays\/([^/]+)\/recording-segments\/$/

/** Whether a path of Sentry is the list of an event's attachments, which says how large they are. */
export function isAttachmentList({ pathname }: URL): boolean {
  return ATTACHMENTS.test(pathname)
}

/** Attachments by the path of their download, as lists of this call named them. */
export type KnownFiles = Map<string, LargeFile>

/** Remembers the attachments of a list that are too large to download. */
export function noteLargeAttachments(list: unknown, url: URL, known: KnownFiles): void {
  if (!Array.isArray(list)) return
  for (const { id, name, size, mimetype } of list as Record<string, unknown>[]) {
    if (typeof size !== 'number' || size <= MAX_FILE_BYTES) continue
    const file = new URL(`${encodeURIComponent(String(id))}/`, url)
    known.set(file.pathname, {
      name: typeof name === 'string' ? name : undefined,
      type: typeof mimetype === 'string' ? mimetype : undefined,
      size,
      url: `${file.origin}${file.pathname}?download=1`,
    })
  }
}

/**
 * The file that a response would be: any attachment or recording, and else what its type does not call text or JSON.
 * Undefined for a response that is not a file.
 */
export function findFile(
  url: URL,
  headers: Headers,
  { owns }: Pick<SentryLocation, 'owns'>,
): LargeFile | undefined {
  const type = headers.get('content-type')?.split(';')[0]?.trim() || undefined
  const isReadable = type !== undefined && /^text\/|[/+]json$/i.test(type)
  const recording = owns(url) ? RECORDING.exec(url.pathname) : null
  if (isReadable && recording === null && !(owns(url) && ATTACHMENT.test(url.pathname))) return undefined
  const [, organization, replay] = recording ?? []
  return {
    name: undefined,
    type,
    size: readLength(headers),
    url:
      recording === null ? url.href : new URL(`/organizations/${organization}/replays/${replay}/`, url).href,
  }
}

/** The length of the content that a response declares; undefined if it does not, or its content is encoded. */
export function readLength(headers: Headers): number | undefined {
  const length = headers.get('content-length')
  return length === null || headers.has('content-encoding') ? undefined : Number(length)
}

/** The error for a file that a call does without; it is added to those that were left out. */
export function leaveOut(leftOut: LargeFile[], file: LargeFile): LargeFileError {
  leftOut.push(file)
  return new LargeFileError(file)
}
