import { endGrant } from '../lib/oauth/token/grant.ts'
import { type GrantRecord, iterateGrants } from '../lib/store/store.ts'
import { type CommandContext, parseArguments, runCommand, UsageError, withContext } from './command.ts'

const USAGE = `Usage:
  grants list   [--user ID] [--client ID] [--json]
  grants revoke [--user ID] [--client ID] [--grant ID]
  grants hash   [--user ID] [--client ID] [--grant ID]

  --user    the id of a user at Sentry
  --client  the id of a client, or its exact name
  --grant   the id of a grant, as "list" prints it
  --json    prints a JSON object per line, with the hashes of the audit log

Several options narrow the selection: a grant must match all of them. "hash" prints the hash of a user, client or
grant in the audit log, whether or not it exists.`

/** How long revoking one grant waits for Sentry. */
const REVOCATION_TIMEOUT_MS = 10_000

interface Selection {
  user?: string
  client?: string
  grant?: string
}

const COMMANDS = ['list', 'revoke', 'hash'] as const

export type GrantsArguments = Selection & { command: (typeof COMMANDS)[number]; json: boolean }

/** Lists grants, revokes grants, or prints their hashes in the audit log. */
export async function runGrants(
  { command, json, ...selection }: GrantsArguments,
  context: CommandContext,
): Promise<void> {
  switch (command) {
    case 'list':
      return listGrants(selection, json, context)
    case 'revoke':
      return revokeGrants(selection, context)
    case 'hash':
      return printHashes(selection, context)
  }
}

/** Throws `UsageError`. */
export function parseGrantsArguments(args: string[]): GrantsArguments {
  const text = { type: 'string' } as const
  const options = {
    user: text,
    client: text,
    grant: text,
    json: { type: 'boolean', default: false },
  } as const
  const { values, positionals } = parseArguments({ args, allowPositionals: true, options }, USAGE)
  const { user, client, grant, json } = values
  const command = COMMANDS.find((known) => known === positionals[0])
  if (command === undefined || positionals.length > 1) throw new UsageError(USAGE)
  if (command !== 'list' && [user, client, grant].every((value) => value === undefined))
    throw new UsageError(`"${command}" needs --user, --client or --grant.\n\n${USAGE}`)
  return { command, json, user, client, grant }
}

async function listGrants(
  selection: Selection,
  json: boolean,
  { store, audit, print }: CommandContext,
): Promise<void> {
  const grants: GrantRecord[] = []
  for await (const grant of iterateGrants(store)) if (isSelected(grant, selection)) grants.push(grant)
  grants.sort((one, other) => other.createdAt - one.createdAt)
  if (json) {
    for (const grant of grants)
      print(JSON.stringify({ ...createJsonView(grant), ...audit.hashIdentifiers(grant) }))
    return
  }
  for (const grant of grants) print(formatGrant(grant))
  print(formatCount(grants.length))
}

async function revokeGrants(selection: Selection, context: CommandContext): Promise<void> {
  let revoked = 0
  for await (const grant of iterateGrants(context.store)) {
    if (!isSelected(grant, selection) || !(await endGrant(grant.id, 'operator_request', context))) continue
    await context.revocation.settle(REVOCATION_TIMEOUT_MS)
    revoked += 1
    context.print(`revoked ${formatGrant(grant)}`)
  }
  context.print(`${formatCount(revoked)} revoked`)
}

async function printHashes(
  { user, client, grant }: Selection,
  { audit, print }: CommandContext,
): Promise<void> {
  print(JSON.stringify(audit.hashIdentifiers({ subject: user, clientId: client, id: grant })))
}

function isSelected({ id, subject, clientId, clientName }: GrantRecord, selection: Selection): boolean {
  const { user = subject, client = clientId, grant = id } = selection
  return user === subject && (client === clientId || client === clientName) && grant === id
}

function formatGrant({ id, subject, clientName, resource, status, ...grant }: GrantRecord): string {
  const columns = [
    id,
    `user ${subject}`,
    // As JSON, so that a name cannot send control characters to the terminal.
    JSON.stringify(clientName),
    resource,
    ...(status === 'active' ? [] : ['sign-in required']),
    `created ${formatTime(grant.createdAt)}`,
    `used ${formatTime(grant.lastUsedAt)}`,
  ]
  return columns.join('  ')
}

/** A grant without its upstream tokens, with times in ISO 8601. */
function createJsonView({ upstream, createdAt, lastUsedAt, expiresAt, ...grant }: GrantRecord) {
  const [created, lastUsed, ends] = [createdAt, lastUsedAt, expiresAt].map(formatTime)
  return { ...grant, created, lastUsed, ends }
}

function formatTime(time: number): string {
  return new Date(time).toISOString().replace(/:\d\d\.\d+Z$/, 'Z')
}

function formatCount(grants: number): string {
  return grants === 1 ? '1 grant' : `${grants} grants`
}

if (import.meta.main)
  await runCommand(parseGrantsArguments, (args) => withContext((context) => runGrants(args, context)))
