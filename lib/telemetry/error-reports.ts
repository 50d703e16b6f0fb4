import {
  createStackParser,
  createTransport,
  type ErrorEvent,
  linkedErrorsIntegration,
  nodeStackLineParser,
  Scope,
  ServerRuntimeClient,
} from '@sentry/core'
import type { Config } from '../config/load.ts'
import { VERSION } from '../config/version.ts'
import { TransientError } from '../errors.ts'
import type { ErrorLine } from './error-log-channel.ts'
import { redactSecrets } from './redact.ts'

/** How long a report may take to be delivered, in ms. */
const DELIVERY_TIMEOUT = 5_000

/** A client went away in the middle of its answer. */
const BROKEN_OFF = new Set(['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE'])

/** As long as any token, code or state of ours, and in their alphabet. */
const LONG_RUN = /[\w-]{24,}/g

export interface ErrorReports {
  /** Reports an error of our own; what passes by itself is left out. It never throws. */
  report(line: ErrorLine): void
  /** Delivers what is left, within `limit` ms. */
  close(limit: number): Promise<void>
}

export type ErrorReportSettings = Pick<Config, 'SENTRY_ENVIRONMENT' | 'SENTRY_RELEASE'>

/**
 * Reports errors of this service to a project at a Sentry. The client is nobody's but ours: made global, it would
 * take what mcp-core, which uses the same SDK, reports and traces with the arguments of tools. An event is what is
 * listed in `keepHarmless` and nothing else.
 */
export function openErrorReports(dsn: string, settings: ErrorReportSettings): ErrorReports {
  const client = new ServerRuntimeClient({
    dsn,
    environment: settings.SENTRY_ENVIRONMENT,
    release: settings.SENTRY_RELEASE ?? `sentry-mcp-self-hosted@${VERSION}`,
    platform: 'node',
    runtime: { name: 'node', version: process.version },
    integrations: [linkedErrorsIntegration()],
    stackParser: createStackParser(nodeStackLineParser()),
    sendClientReports: false,
    transport: ({ url, recordDroppedEvent, headers }) =>
      createTransport({ recordDroppedEvent }, ({ body }) => deliver(url, headers, body)),
    beforeSend: keepHarmless,
  })
  client.init()

  function report(line: ErrorLine): void {
    const { level, message, error } = line
    if (!isOurs(line)) return
    const scope = new Scope()
    scope.setLevel(level)
    scope.setTags(readTags(line))
    if (error instanceof Error) client.captureException(error, { originalException: error }, scope)
    else client.captureMessage(message ?? 'an error without a word', level, undefined, scope)
  }

  return {
    report,
    async close(limit) {
      await client.close(limit)
    },
  }
}

/** Lines at level error that carry no error tell of outages; a fatal one is always worth a report. */
function isOurs({ level, error }: ErrorLine): boolean {
  if (level === 'fatal') return true
  if (!(error instanceof Error)) return false
  if ('code' in error && BROKEN_OFF.has(String(error.code))) return false
  // An outage would be reported with every request.
  return !(error instanceof TransientError || error.cause instanceof TransientError)
}

/** By these an operator finds the lines of the log that belong to an event. */
function readTags({ message, fields }: ErrorLine): Record<string, string> {
  const tags = { log_message: message, request_id: fields.reqId, tool: fields.tool }
  return Object.fromEntries(
    Object.entries(tags).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}

/** Through `fetch`, and so through the proxies of the settings. */
async function deliver(url: string, headers: Record<string, string> | undefined, body: string | Uint8Array) {
  const signal = AbortSignal.timeout(DELIVERY_TIMEOUT)
  const response = await fetch(url, { method: 'POST', headers, body: Buffer.from(body), signal })
  await response.body?.cancel()
  return {
    statusCode: response.status,
    headers: {
      'x-sentry-rate-limits': response.headers.get('x-sentry-rate-limits'),
      'retry-after': response.headers.get('retry-after'),
    },
  }
}

/** An event as it leaves: what was thrown and where. Whatever else the SDK has gathered stays here. */
function keepHarmless(event: ErrorEvent): ErrorEvent {
  const { type, event_id, timestamp, level, platform, release, environment, message, tags } = event
  const values = event.exception?.values?.map(({ type: name, value, mechanism, stacktrace }) => ({
    type: name,
    value: value === undefined ? undefined : withoutSecrets(value),
    mechanism: mechanism && { type: mechanism.type, handled: mechanism.handled },
    stacktrace: stacktrace && {
      frames: stacktrace.frames?.map((frame) => ({
        filename: frame.filename,
        function: frame.function,
        module: frame.module,
        lineno: frame.lineno,
        colno: frame.colno,
        in_app: frame.in_app,
      })),
    },
  }))
  return {
    type,
    event_id,
    timestamp,
    level,
    platform,
    release,
    environment,
    ...(message !== undefined && { message: withoutSecrets(message) }),
    tags,
    ...(values && { exception: { values } }),
  }
}

function withoutSecrets(text: string): string {
  return redactSecrets(text).replaceAll(LONG_RUN, '[redacted]')
}
