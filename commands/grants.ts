import { parseArgs } from 'node:util'
import { endGrant } from '../lib/oauth/token/end-grant.ts'
import { type GrantRecord, iterateGrants } from '../lib/store/store.ts'
import { type CommandParts, runCommand, UsageError } from './command.ts'

const USAGE = `Usage:
  grants list   [--user ID] [--client ID] [--json]
  grants revoke [--user ID] [--client ID] [--grant ID]
  grants hash   [--user ID] [--client ID] [--grant ID]

  --user    a user's id at Sentry
  --client  a client's id, or its name exactly
  --grant   the id of one grant, as the list has it
  --json    one JSON object a line, with the hashes that the audit log has

What is given several times over must all be true of a grant. "hash" says how the audit log names a user, client or
grant, whether or not there is one.`

/** How long revoking waits for Sentry to revoke as well, in ms, one grant after the other. */
const SENTRY_PATIENCE = 10_000

interface Choice {
  user?: string
  client?: string
  grant?: string
}

const COMMANDS = ['list', 'revoke', 'hash'] as const

export type GrantsCommand = Choice & { command: (typeof COMMANDS)[number]; json: boolean }

/** Shows operators the grants there are, and ends those they choose. */
export async function runGrantsCommand(
  parts: CommandParts,
  { command, json, ...choice }: GrantsCommand,
): Promise<void> {
  switch (command) {
    case 'list':
      return listGrants(choice, json, parts)
    case 'revoke':
      return revokeGrants(choice, parts)
    case 'hash':
      return printHashes(choice, parts)
  }
}

/** Throws `UsageError`. */
export function readGrantsCommand(args: string[]): GrantsCommand {
  const text = { type: 'string' } as const
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { user: text, client: text, grant: text, json: { type: 'boolean', default: false } },
    })
    const [name, ...rest] = positionals
    const command = COMMANDS.find((known) => known === name)
    if (command === undefined || rest.length > 0) throw new UsageError(USAGE)
    const { user, client, grant, json } = values
    if (command !== 'list' && [user, client, grant].every((value) => value === undefined))
      throw new UsageError(`Say which user, client or grant.\n\n${USAGE}`)
    return { command, json, user, client, grant }
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(`${(error as Error).message}\n\n${USAGE}`)
  }
}

async function listGrants(
  choice: Choice,
  json: boolean,
  { store, audit, print }: CommandParts,
): Promise<void> {
  const grants: GrantRecord[] = []
  for await (const grant of iterateGrants(store)) if (isChosen(grant, choice)) grants.push(grant)
  grants.sort((one, other) => other.createdAt - one.createdAt)
  if (json) {
    for (const grant of grants)
      print(JSON.stringify({ ...describeFully(grant), ...audit.hashIdentifiers(grant) }))
    return
  }
  for (const grant of grants) print(describeBriefly(grant))
  print(count(grants.length))
}

async function revokeGrants(choice: Choice, parts: CommandParts): Promise<void> {
  let ended = 0
  for await (const grant of iterateGrants(parts.store)) {
    if (!isChosen(grant, choice) || !(await endGrant(grant.id, 'operator_request', parts))) continue
    await parts.revocation.settle(SENTRY_PATIENCE)
    ended += 1
    parts.print(`revoked ${describeBriefly(grant)}`)
  }
  parts.print(`${count(ended)} revoked`)
}

async function printHashes({ user, client, grant }: Choice, { audit, print }: CommandParts): Promise<void> {
  print(JSON.stringify(audit.hashIdentifiers({ subject: user, clientId: client, id: grant })))
}

function isChosen({ id, subject, clientId, clientName }: GrantRecord, choice: Choice): boolean {
  const { user = subject, client = clientId, grant = id } = choice
  return user === subject && (client === clientId || client === clientName) && grant === id
}

function describeBriefly({ id, subject, clientName, resource, status, ...grant }: GrantRecord): string {
  const facts = [
    id,
    `user ${subject}`,
    // As JSON, so that no name can do anything to a terminal.
    JSON.stringify(clientName),
    resource,
    ...(status === 'active' ? [] : ['asks for sign-in']),
    `created ${formatTime(grant.createdAt)}`,
    `used ${formatTime(grant.lastUsedAt)}`,
  ]
  return facts.join('  ')
}

function describeFully({ upstream, createdAt, lastUsedAt, expiresAt, ...grant }: GrantRecord) {
  const [created, lastUsed, ends] = [createdAt, lastUsedAt, expiresAt].map(formatTime)
  return { ...grant, created, lastUsed, ends }
}

function formatTime(time: number): string {
  return new Date(time).toISOString().replace(/:\d\d\.\d+Z$/, 'Z')
}

function count(grants: number): string {
  return grants === 1 ? '1 grant' : `${grants} grants`
}

if (import.meta.main) await runCommand(readGrantsCommand, runGrantsCommand)
