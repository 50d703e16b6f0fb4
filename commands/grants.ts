import type { Signer } from '../lib/crypto/signer.ts'
import { endGrant, hasEmail } from '../lib/oauth/token/grant.ts'
import { type GrantRecord, iterateGrants } from '../lib/store/store.ts'
import { type CommandContext, parseArguments, runCommand, UsageError, withContext } from './command.ts'

const USAGE = `Usage:
  grants list   [--user ID] [--email ADDRESS] [--client ID] [--json]
  grants revoke [--user ID] [--email ADDRESS] [--client ID] [--grant ID] [--yes]
  grants revoke --all [--yes]
  grants hash   [--user ID] [--client ID] [--grant ID]

  --user    the id of a user at Sentry, a number
  --email   the e-mail address that the user had at Sentry when signing in
  --client  the id of a client, or its exact name
  --grant   the id of a grant, as "list" prints it
  --json    prints a JSON object per line, with the hashes of the audit log
  --all     every grant of every user
  --yes     revokes those of an address, or all, without asking

Several options narrow the selection: a grant must match all of them. An address is hashed and looked for among the
hashes of all grants: "list" and "revoke" print the ids of its users. "hash" prints the hash of a user, client or grant
in the audit log, whether or not it exists.`

/** How long revoking one grant waits for Sentry. */
const REVOCATION_TIMEOUT_MS = 10_000

interface Selection {
  user?: string
  email?: string
  client?: string
  grant?: string
}

const COMMANDS = ['list', 'revoke', 'hash'] as const

export type GrantsArguments = Selection & {
  command: (typeof COMMANDS)[number]
  json: boolean
  all: boolean
  /** Revokes without asking. */
  yes: boolean
}

/** Lists grants, revokes grants, or prints their hashes in the audit log. */
export async function runGrants(
  { command, json, all, yes, ...selection }: GrantsArguments,
  context: CommandContext,
): Promise<void> {
  switch (command) {
    case 'list':
      return listGrants(selection, json, context)
    case 'revoke':
      return revokeGrants(selection, (all || selection.email !== undefined) && !yes, context)
    case 'hash':
      return printHashes(selection, context)
  }
}

/** Throws `UsageError`. */
export function parseGrantsArguments(args: string[]): GrantsArguments {
  const text = { type: 'string' } as const
  const options = {
    user: text,
    email: text,
    client: text,
    grant: text,
    json: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
    yes: { type: 'boolean', default: false },
  } as const
  const { values, positionals } = parseArguments({ args, allowPositionals: true, options }, USAGE)
  const { user, email, client, grant, json, all, yes } = values
  const command = COMMANDS.find((known) => known === positionals[0])
  if (command === undefined || positionals.length > 1) throw new UsageError(USAGE)
  const named = command === 'hash' ? [user, client, grant] : [user, email, client, grant]
  const isNarrow = named.some((value) => value !== undefined)
  if (all && (command !== 'revoke' || isNarrow))
    throw new UsageError(`--all stands alone, with "revoke".\n\n${USAGE}`)
  if (command !== 'list' && !all && !isNarrow)
    throw new UsageError(`"${command}" needs --user, --client or --grant.\n\n${USAGE}`)
  assertUser(user, command)
  if (email !== undefined && !email.includes('@'))
    throw new UsageError(`--email takes an e-mail address, not "${email}".`)
  return { command, json, all, yes, user, email, client, grant }
}

/** Users of Sentry are numbers. The audit log also knows the organizations of tokens without a user. */
function assertUser(user: string | undefined, command: string): void {
  if (user === undefined || /^\d+$/.test(user)) return
  if (command === 'hash' && /^organization [\w-]+$/.test(user)) return
  const advice = user.includes('@') ? 'for an address, use --email' : 'the tool whoami shows it to the user'
  throw new UsageError(`--user takes the number of a user at Sentry, not "${user}": ${advice}.`)
}

async function listGrants(selection: Selection, json: boolean, context: CommandContext): Promise<void> {
  const { audit, print } = context
  const { grants, notes } = await findGrants(selection, context)
  if (json) {
    for (const grant of grants)
      print(JSON.stringify({ ...createJsonView(grant), ...audit.hashIdentifiers(grant) }))
    return
  }
  for (const line of [...notes, ...grants.map(formatGrant)]) print(line)
  print(formatCount(grants.length))
}

async function revokeGrants(selection: Selection, asks: boolean, context: CommandContext): Promise<void> {
  const { grants, notes } = await findGrants(selection, context)
  for (const note of notes) context.print(note)
  if (asks && grants.length > 0) {
    if (selection.email !== undefined) for (const grant of grants) context.print(formatGrant(grant))
    if (!(await context.confirm(`Revoke ${formatCount(grants.length)}?`))) {
      context.print('Nothing was revoked. --yes revokes without asking.')
      return
    }
  }
  let revoked = 0
  for (const grant of grants) {
    if (!(await endGrant(grant.id, 'operator_request', context))) continue
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

/** The selected grants, newest first. An e-mail address selects all grants of its users, also those before it changed. */
async function findGrants(
  { user, email, client, grant }: Selection,
  { store, signer }: CommandContext,
): Promise<{ grants: GrantRecord[]; notes: string[] }> {
  const all: GrantRecord[] = []
  for await (const one of iterateGrants(store)) all.push(one)
  const owners = email === undefined ? undefined : findOwners(email, all, signer)
  const grants = all
    .filter(
      ({ id, subject, clientId, clientName }) =>
        (user === undefined || user === subject) &&
        owners?.has(subject) !== false &&
        (client === undefined || client === clientId || client === clientName) &&
        (grant === undefined || grant === id),
    )
    .sort((one, other) => other.createdAt - one.createdAt)
  return { grants, notes: owners === undefined ? [] : describeOwners(owners, all, signer) }
}

function findOwners(email: string, grants: readonly GrantRecord[], signer: Signer): Set<string> {
  return new Set(grants.filter((grant) => hasEmail(grant, email, signer)).map(({ subject }) => subject))
}

/** Whose address it is, and how many grants might be of that address without anyone being able to tell. */
function describeOwners(owners: Set<string>, grants: readonly GrantRecord[], signer: Signer): string[] {
  const found = [...owners].map((subject) => `This is the address of user ${subject}.`)
  const others = grants.filter(
    ({ emailHash, subject }) =>
      !owners.has(subject) && (emailHash === undefined || !signer.hasKeyOf(emailHash)),
  )
  return [
    ...(found.length > 0 ? found : ['No grant is known to be of a user with this address.']),
    ...(others.length > 0
      ? [
          `${formatCount(others.length)} cannot be compared: Sentry reported no address, or its key is not in JWT_SIGNING_KEY any more.`,
        ]
      : []),
  ]
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

/** A grant without its upstream tokens and the hash of an address, with times in ISO 8601. */
function createJsonView({ upstream, emailHash, createdAt, lastUsedAt, expiresAt, ...grant }: GrantRecord) {
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
