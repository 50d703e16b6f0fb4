import {
  type ApiCall,
  ApiFailure,
  ApiResponse,
  type ApiRoute,
  createNotFound,
  findOrganization,
  isMember,
  List,
  READ_ORGANIZATION,
  READ_TEAM,
  readText,
  WRITE_PROJECT,
  WRITE_TEAM,
} from './api-call.ts'
import { createTeam, type Team } from './data.ts'
import { makeHex } from './sample-id.ts'
import { showUser } from './views.ts'
import { showOrganization, showRepository, showTeam, showTeamWithProjects } from './views-organization.ts'

const ORGANIZATION = '/organizations/:organization/'

/** Users, organizations, teams and repositories. */
export const organizationRoutes: ApiRoute[] = [
  { method: 'GET', path: '/auth/', scopes: [], isOpen: true, handle: ({ caller }) => showUser(caller.user) },
  {
    method: 'GET',
    path: '/users/me/regions/',
    scopes: [],
    handle: ({ place, origin }) => ({ regions: place.listRegions(origin) }),
  },
  { method: 'GET', path: '/organizations/', scopes: READ_ORGANIZATION, handle: listOrganizations },
  {
    method: 'GET',
    path: ORGANIZATION,
    scopes: READ_ORGANIZATION,
    handle: (call) => showOrganization(findOrganization(call), call),
  },
  { method: 'GET', path: `${ORGANIZATION}teams/`, scopes: READ_ORGANIZATION, handle: listTeams },
  { method: 'POST', path: `${ORGANIZATION}teams/`, scopes: WRITE_TEAM, handle: addTeam },
  {
    method: 'GET',
    path: '/teams/:organization/:team/',
    scopes: READ_TEAM,
    handle: (call) => showTeamWithProjects(findTeam(call), findOrganization(call).projects, call),
  },
  { method: 'GET', path: `${ORGANIZATION}repos/`, scopes: READ_ORGANIZATION, handle: listRepositories },
  {
    method: 'POST',
    path: `${ORGANIZATION}code-mappings/bulk/`,
    scopes: WRITE_PROJECT,
    handle: addCodeMappings,
  },
  {
    method: 'POST',
    path: `${ORGANIZATION}onboarding/agent/status/`,
    scopes: READ_ORGANIZATION,
    handle: recordOnboarding,
  },
]

/** The `query` is text, in which `slug:` names slugs, any of which will do. */
function listOrganizations(call: ApiCall): List {
  const { data, query, organizationId, place, host } = call
  const terms = (query.get('query') ?? '').split(' ').filter((term) => term !== '')
  const slugs = terms.filter((term) => term.startsWith('slug:')).map((term) => term.slice(5))
  const text = terms.filter((term) => !term.startsWith('slug:')).join(' ')
  const reachable = data.organizations.filter(
    (organization) =>
      (organizationId === undefined || organization.id === organizationId) &&
      (slugs.length === 0 || slugs.includes(organization.slug)) &&
      isMember(call, organization) &&
      place.holds(organization, host),
  )
  const named = filterByName(reachable, new URLSearchParams({ query: text }))
  return new List(named.map((organization) => showOrganization(organization, call)))
}

function listTeams(call: ApiCall): List {
  const { teams, projects } = findOrganization(call)
  return new List(filterByName(teams, call.query).map((team) => showTeamWithProjects(team, projects, call)))
}

function addTeam(call: ApiCall): ApiResponse {
  const organization = findOrganization(call)
  const name = readText(call.body, 'name') ?? readText(call.body, 'slug')
  if (name === undefined) throw new ApiFailure(400, 'Name or slug is required')
  const team = createTeam(nextId(organization.teams, 52000), name, Date.now())
  team.slug = readText(call.body, 'slug') ?? team.slug
  if (organization.teams.some(({ slug }) => slug === team.slug))
    throw new ApiFailure(409, 'A team with this slug already exists.')
  organization.teams.push(team)
  return new ApiResponse(201, showTeam(team))
}

export function findTeam(call: ApiCall): Team {
  const { team: slug } = call.params
  const found = findOrganization(call).teams.find((team) => team.slug === slug || team.id === slug)
  if (found === undefined) throw createNotFound()
  return found
}

function listRepositories(call: ApiCall): List {
  const wanted = call.query.get('query') ?? ''
  const found = findOrganization(call).repositories.filter(({ name }) => name.includes(wanted))
  return new List(found.map(showRepository))
}

/** Links a project with a repository, one mapping for each path. */
function addCodeMappings(call: ApiCall): unknown {
  const { projects, repositories } = findOrganization(call)
  const { project, repository, mappings = [] } = call.body
  if (!projects.some(({ slug }) => slug === project)) throw createNotFound()
  if (!repositories.some(({ name }) => name === repository)) throw createNotFound()
  const created = (Array.isArray(mappings) ? mappings : []).map((mapping) => ({
    ...mapping,
    status: 'created',
  }))
  return { created: created.length, updated: 0, errors: 0, mappings: created }
}

const STAGES = [
  'connect_mcp',
  'analyze_project',
  'create_project',
  'instrument_app',
  'plan_test_error',
  'send_verification_error',
  'receive_verification_error',
  'prepare_production',
  'check_stack_trace_quality',
]

/** A run of the onboarding assistant as it is after the update that the call brings. */
function recordOnboarding(call: ApiCall): unknown {
  findOrganization(call)
  const { runToken, stage, status, runStatus = 'active', eventNote = null, extra = null } = call.body
  const now = new Date()
  return {
    schemaVersion: 1,
    runId: makeHex(`run ${String(runToken)}`),
    channelId: 'channel-1',
    clientRunId: 'client-run-1',
    createdAt: now,
    updatedAt: now,
    sequence: 1,
    expiresAt: new Date(now.getTime() + 3_600_000),
    continueUpdates: runStatus === 'active',
    runStatus,
    stages: STAGES.map((name) =>
      name === stage
        ? { stage: name, status, eventNote, extra }
        : { stage: name, status: null, eventNote: null, extra: null },
    ),
  }
}

export function filterByName<Named extends { slug: string; name: string }>(
  all: readonly Named[],
  query: URLSearchParams,
): Named[] {
  const wanted = query.get('query')?.toLowerCase() ?? ''
  return all.filter(({ slug, name }) => slug.includes(wanted) || name.toLowerCase().includes(wanted))
}

/** The number after the highest there is, at least the one after `from`. */
export function nextId(existing: readonly { id: string }[], from: number): string {
  return String(Math.max(from, ...existing.map(({ id }) => Number(id))) + 1)
}
