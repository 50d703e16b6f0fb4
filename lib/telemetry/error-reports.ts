import {
  createStackParser,
  createTransport,
  type ErrorEvent,
  linkedErrorsIntegration,
  nodeStackLineParser,
  Scope,
  ServerRuntimeClient,
} from '@sentry/core'
import { VERSION } from '../config/version.ts'
import { TransientError } from '../errors.ts'
import type { ErrorLine } from './error-log-channel.ts'
import { redactSecrets } from './redact.ts'

/** For the delivery of a report. */
const DELIVERY_TIMEOUT_MS = 5_000

/** Codes of errors that mean that the client disconnected. */
const DISCONNECTED = new Set(['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE'])

/** Runs as long as tokens, codes and states, in their alphabet. */
const LONG_RUN = /[\w-]{24,}/g

export interface ErrorReports {
  /** Reports an error of the service, unless it is transient or the client's. It never throws. */
  report(line: ErrorLine): void
  /** Delivers pending reports, within `timeoutMs`. */
  close(timeoutMs: number): Promise<void>
}

export interface ErrorReportSettings {
  SENTRY_ENVIRONMENT: string | undefined
  /** The version of the service by default. */
  SENTRY_RELEASE: string | undefined
}

/**
 * Reports errors of this service to a project of a Sentry. The SDK's client is not global: mcp-core uses the same SDK,
 * and would report and trace through it, with the arguments of tools. `filterEvent` lists all that an event contains.
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
    beforeSend: filterEvent,
  })
  client.init()

  function report(line: ErrorLine): void {
    const { level, message, error } = line
    if (!isReportable(line)) return
    const scope = new Scope()
    scope.setLevel(level)
    scope.setTags(readTags(line))
    if (error instanceof Error) client.captureException(error, { originalException: error }, scope)
    else client.captureMessage(message ?? 'error without a message', level, undefined, scope)
  }

  return {
    report,
    async close(timeoutMs) {
      await client.close(timeoutMs)
    },
  }
}

/** A fatal line is always reported. Lines at level error without an error are about outages. */
function isReportable({ level, error }: ErrorLine): boolean {
  if (level === 'fatal') return true
  if (!(error instanceof Error)) return false
  if ('code' in error && DISCONNECTED.has(String(error.code))) return false
  // Otherwise an outage would be reported with every request.
  return !(error instanceof TransientError || error.cause instanceof TransientError)
}

/** Tags by which an operator finds the log lines of an event. */
function readTags({ message, fields }: ErrorLine): Record<string, string> {
  const tags = { log_message: message, request_id: fields.reqId, tool: fields.tool }
  return Object.fromEntries(
    Object.entries(tags).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}

/** Uses `fetch`, and thereby the proxies of the settings. */
async function deliver(url: string, headers: Record<string, string> | undefined, body: string | Uint8Array) {
  const signal = AbortSignal.timeout(DELIVERY_TIMEOUT_MS)
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

/** An event as it is sent: the error and its stack. All other data of the SDK is dropped. */
function filterEvent(event: ErrorEvent): ErrorEvent {
  const { type, event_id, timestamp, level, platform, release, environment, message, tags } = event
  const values = event.exception?.values?.map(({ type: name, value, mechanism, stacktrace }) => ({
    type: name,
    value: value === undefined ? undefined : redactText(value),
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
    ...(message !== undefined && { message: redactText(message) }),
    tags,
    ...(values && { exception: { values } }),
  }
}

function redactText(text: string): string {
  return redactSecrets(text).replaceAll(LONG_RUN, '[redacted]')
}
