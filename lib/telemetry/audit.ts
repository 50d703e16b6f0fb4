import { closeSync, openSync, writeSync } from 'node:fs'
import type { FastifyBaseLogger } from 'fastify'
import type { Signer } from '../crypto/signer.ts'
import { StartUpError } from '../errors.ts'
import type { GrantRecord, RevocationReason } from '../store/store.ts'

type ClientFields = Pick<GrantRecord, 'clientId' | 'clientName'>
type ConsentFields = ClientFields & { resource: string; scope: readonly string[]; skills: readonly string[] }
type GrantFields = ConsentFields & Pick<GrantRecord, 'id' | 'subject'>

/** The events of the audit log. `about` may have more fields than these; they are not written. */
export type AuditEvent =
  | { event: 'client_registered'; about: ClientFields }
  | { event: 'consent_granted'; about: ConsentFields }
  | { event: 'consent_denied'; about: ConsentFields; reason: 'user' | 'user_at_sentry' }
  /** The user returned from Sentry, and is a member of no allowed organization. */
  | { event: 'sign_in_refused'; about: ConsentFields & Pick<GrantRecord, 'subject'> }
  /** The user has returned from Sentry; the client has not redeemed its code yet. */
  | { event: 'grant_created'; about: GrantFields }
  /** The client has redeemed its code and has tokens. */
  | { event: 'grant_activated'; about: GrantFields }
  | { event: 'code_replayed'; about: GrantFields }
  /** `refresh_repeated`: the immediate predecessor was presented within its grace and got the same successor. */
  | { event: 'refresh_rotated' | 'refresh_repeated' | 'refresh_reused'; about: GrantFields }
  /** The same token was repeated for the third time or more: a client in a loop, or a thief in step with it. */
  | { event: 'refresh_overused'; about: GrantFields; repeats: number }
  | { event: 'sign_in_required'; about: GrantFields }
  | { event: 'grant_revoked'; about: GrantFields; reason: RevocationReason }
  | { event: 'account_signed_in'; about: Pick<GrantRecord, 'subject'> }
  /** A user's own Sentry token was accepted; once for as long as it is cached, not for every call. */
  | { event: 'sentry_bearer_accepted'; about: Pick<GrantRecord, 'subject' | 'resource' | 'skills'> }

/** The request that an event belongs to. */
export interface AuditSource {
  id: string
  ip: string
}

export interface Audit {
  /** Writes one entry. It never throws: a full disk must not fail a sign-in. */
  write(event: AuditEvent, source?: AuditSource): void
  /** The hashes by which the audit log names client, subject and grant. */
  hashIdentifiers(about: Partial<Pick<GrantRecord, 'id' | 'clientId' | 'subject'>>): AuditIdentifiers
}

export interface AuditIdentifiers {
  client_hash: string | undefined
  subject_hash: string | undefined
  grant_hash: string | undefined
}

/** One entry of the audit log; undefined fields are not written. */
export type AuditEntry = Readonly<Record<string, unknown>>

export interface AuditSink {
  /** Appends an entry. It never throws. */
  write(entry: AuditEntry): void
  /** Opens the file again after logrotate has moved it. */
  reopen(): void
  close(): void
}

export interface AuditSettings {
  /** The path of the audit log; undefined for the ordinary log. */
  AUDIT_FILE: string | undefined
}

/** AUDIT_FILE cannot be written. */
class AuditFileError extends StartUpError {}

/**
 * The audit log. Identifiers are written as MACs: entries of one user, client, grant or address can be correlated, but
 * only with JWT_SIGNING_KEY can an identifier be matched to its MAC. Secrets are never written. When another key becomes
 * the first one, the MACs change.
 */
export function createAudit({ sink, signer }: { sink: Pick<AuditSink, 'write'>; signer: Signer }): Audit {
  function hash(kind: string, identifier: string | undefined): string | undefined {
    return identifier === undefined ? undefined : signer.createMac('audit', `${kind} ${identifier}`)
  }

  function hashIdentifiers({ id, clientId, subject }: Parameters<Audit['hashIdentifiers']>[0]) {
    return {
      client_hash: hash('client', clientId),
      subject_hash: hash('subject', subject),
      grant_hash: hash('grant', id),
    }
  }

  function write({ event, about, ...more }: AuditEvent, source?: AuditSource): void {
    const fields: Partial<GrantFields> = about
    sink.write({
      event,
      request_id: source?.id,
      ...hashIdentifiers(fields),
      client_name: fields.clientName,
      resource: fields.resource,
      scope: fields.scope,
      skills: fields.skills,
      ...more,
      ip_hash: hash('ip', source?.ip),
    })
  }

  return { write, hashIdentifiers }
}

/**
 * Opens the destination of the audit log. On stdout its entries are lines of the ordinary log with `"audit":true`, at
 * any LOG_LEVEL. A file is appended to and accessible to this user only. Throws `AuditFileError`.
 */
export function openAuditSink({ AUDIT_FILE: file }: AuditSettings, log: FastifyBaseLogger): AuditSink {
  return file === undefined ? createLogSink(log) : openFileSink(file, log)
}

function createLogSink(log: FastifyBaseLogger): AuditSink {
  const auditLog = log.child({ audit: true }, { level: 'info' })
  return { write: (entry) => auditLog.info(entry), reopen() {}, close() {} }
}

/**
 * Writes synchronously: the entry is in the file before the response is sent, and none is lost with the process. Entries
 * that cannot be written go to the ordinary log.
 */
export function openFileSink(file: string, log: Pick<FastifyBaseLogger, 'error'>): AuditSink {
  let descriptor: number | undefined
  try {
    descriptor = openSync(file, 'a', 0o600)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new AuditFileError(`AUDIT_FILE cannot be written: ${reason}.`, { cause })
  }

  function write(entry: AuditEntry): void {
    try {
      descriptor ??= openSync(file, 'a', 0o600)
      writeSync(descriptor, `${JSON.stringify({ time: Date.now(), audit: true, ...entry })}\n`)
    } catch (err) {
      log.error({ err, audit: true, ...entry }, 'cannot write audit log, entry follows')
    }
  }

  function close(): void {
    if (descriptor !== undefined) closeSync(descriptor)
    descriptor = undefined
  }

  return { write, reopen: close, close }
}
