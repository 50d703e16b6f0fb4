import { closeSync, openSync, writeSync } from 'node:fs'
import type { FastifyBaseLogger } from 'fastify'
import type { Config } from '../config/load.ts'
import { StartUpError } from '../errors.ts'

/** One line of the audit log; what is undefined is left out. */
export type AuditLine = Readonly<Record<string, unknown>>

export interface AuditSink {
  /** Adds a line. It never throws. */
  write(line: AuditLine): void
  /** Goes on in a new file where the old one was moved away, as logrotate does. */
  reopen(): void
  close(): void
}

/** AUDIT_FILE cannot be written. */
export class AuditFileError extends StartUpError {}

/**
 * Where the audit log goes. On stdout its lines are part of the ordinary log, with `"audit":true`, and LOG_LEVEL
 * does not silence them. A file is appended to and belongs to this user alone. Throws `AuditFileError`.
 */
export function openAuditSink(
  settings: Pick<Config, 'AUDIT_LOG' | 'AUDIT_FILE'>,
  log: FastifyBaseLogger,
): AuditSink {
  return settings.AUDIT_FILE === undefined ? createLogSink(log) : openFileSink(settings.AUDIT_FILE, log)
}

function createLogSink(log: FastifyBaseLogger): AuditSink {
  const lines = log.child({ audit: true }, { level: 'info' })
  return { write: (line) => lines.info(line), reopen() {}, close() {} }
}

/**
 * Lines are written at once and not gathered, so that what is answered has been written, and none is lost with
 * the process. One that cannot be written goes to the ordinary log instead.
 */
export function openFileSink(file: string, log: Pick<FastifyBaseLogger, 'error'>): AuditSink {
  let descriptor: number | undefined
  try {
    descriptor = openSync(file, 'a', 0o600)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new AuditFileError(`AUDIT_FILE cannot be written: ${reason}.`, { cause })
  }

  function write(line: AuditLine): void {
    try {
      descriptor ??= openSync(file, 'a', 0o600)
      writeSync(descriptor, `${JSON.stringify({ time: Date.now(), audit: true, ...line })}\n`)
    } catch (err) {
      log.error({ err, audit: true, ...line }, 'the audit log cannot be written; its line is this one')
    }
  }

  function close(): void {
    if (descriptor !== undefined) closeSync(descriptor)
    descriptor = undefined
  }

  return { write, reopen: close, close }
}
