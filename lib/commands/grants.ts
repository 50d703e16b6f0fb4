import { parseArgs } from 'node:util'
import { endGrant } from '../oauth/end-grant.ts'
import type { GrantRecord } from '../store/store.ts'
import { walkGrants } from '../store/walk-grants.ts'
import { type CommandParts, print, runCommand, UsageError } from './command.ts'

const USAGE = `Usage:
  grants list   [--user ID] [--client ID] [--json]
  grants revoke [--user ID] [--client ID] [--grant ID]

  --user    a user's id at Sentry
  --client  a client's id, or its name exactly
  --grant   the id of one grant, as the list has it
  --json    one JSON object a line, with the hashes that the audit log has

What is given several times over must all be true of a grant.`

/** How long revoking waits for Sentry to revoke as well, in ms, one grant after the other. */
const SENTRY_PATIENCE = 10_000

interface Choice {
  user?: string
  client?: string
  grant?: string
}

await runCommand(readArguments, (parts, { command, json, ...choice }) =>
  command === 'list' ? listGrants(choice, json, parts) : revokeGrants(choice, parts),
)

function readArguments(): Choice & { command: 'list' | 'revoke'; json: boolean } {
  const text = { type: 'string' } as const
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: { user: text, client: text, grant: text, json: { type: 'boolean', default: false } },
    })
    const [command, ...rest] = positionals
    if ((command !== 'list' && command !== 'revoke') || rest.length > 0) throw new UsageError(USAGE)
    const { user, client, grant, json } = values
    if (command === 'revoke' && [user, client, grant].every((value) => value === undefined))
      throw new UsageError(`Say whose grants to revoke.\n\n${USAGE}`)
    return { command, json, user, client, grant }
  } catch (error) {
    throw error instanceof UsageError ? error : new UsageError(`${(error as Error).message}\n\n${USAGE}`)
  }
}

async function listGrants(choice: Choice, json: boolean, { store, audit }: CommandParts): Promise<void> {
  const grants: GrantRecord[] = []
  for await (const grant of walkGrants(store)) if (isChosen(grant, choice)) grants.push(grant)
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
  for await (const grant of walkGrants(parts.store)) {
    if (!isChosen(grant, choice) || !(await endGrant(grant.id, 'operator_request', parts))) continue
    await parts.revocation.settle(SENTRY_PATIENCE)
    ended += 1
    print(`revoked ${describeBriefly(grant)}`)
  }
  print(`${count(ended)} revoked`)
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
