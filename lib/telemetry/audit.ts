import type { Signer } from '../crypto/signer.ts'
import type { GrantRecord, RevocationReason } from '../store/store.ts'
import type { AuditSink } from './audit-sink.ts'

type ClientFacts = Pick<GrantRecord, 'clientId' | 'clientName'>
type ConsentFacts = ClientFacts & { resource: string; scope: readonly string[]; skills: readonly string[] }
type GrantFacts = ConsentFacts & Pick<GrantRecord, 'id' | 'subject'>

/** What an operator may have to account for later. `about` may hold more than is named here; it is not written. */
export type AuditEvent =
  | { event: 'client_registered'; about: ClientFacts }
  | { event: 'consent_given'; about: ConsentFacts }
  | { event: 'consent_denied'; about: ConsentFacts; reason: 'user' | 'user_at_sentry' }
  /** The user has come back from Sentry; the client has yet to redeem its code. */
  | { event: 'grant_created'; about: GrantFacts }
  /** The client has redeemed its code and holds tokens. */
  | { event: 'grant_activated'; about: GrantFacts }
  | { event: 'code_replayed'; about: GrantFacts }
  /** `refresh_repeated`: the immediate predecessor came again within its grace and got the same successor. */
  | { event: 'refresh_rotated' | 'refresh_repeated' | 'refresh_reused'; about: GrantFacts }
  | { event: 'sign_in_required'; about: GrantFacts }
  | { event: 'grant_revoked'; about: GrantFacts; reason: RevocationReason }
  | { event: 'account_opened'; about: Pick<GrantRecord, 'subject'> }
  /** A Sentry token of the user's own was accepted; once for as long as it is remembered, not for every call. */
  | { event: 'token_passed_through'; about: Pick<GrantRecord, 'subject' | 'resource' | 'skills'> }

/** The request that an event belongs to. */
export interface AuditSource {
  id: string
  ip: string
}

export interface Audit {
  /** Writes one line. It never throws, for a log that is full must not end anybody's sign-in. */
  write(event: AuditEvent, source?: AuditSource): void
  /** How the audit log names whoever and whatever an event is about. */
  hashIdentifiers(about: Partial<Pick<GrantRecord, 'id' | 'clientId' | 'subject'>>): AuditIdentifiers
}

export interface AuditIdentifiers {
  client_hash: string | undefined
  subject_hash: string | undefined
  grant_hash: string | undefined
}

/**
 * The audit log. Identifiers are written as MACs: the lines of one user, client, grant or address can be put
 * together, but nobody without JWT_SIGNING_KEY can find out whose they are by trying. Secrets are not written at
 * all. Once another key has become the first one, the same identifier has another MAC.
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
    const facts: Partial<GrantFacts> = about
    sink.write({
      event,
      request_id: source?.id,
      ...hashIdentifiers(facts),
      client_name: facts.clientName,
      resource: facts.resource,
      scope: facts.scope,
      skills: facts.skills,
      ...more,
      ip_hash: hash('ip', source?.ip),
    })
  }

  return { write, hashIdentifiers }
}
