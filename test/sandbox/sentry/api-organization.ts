import {
  Answer,
  type ApiCall,
  ApiFailure,
  type ApiRoute,
  createNotFound,
  findOrganization,
  findProject,
  List,
  READ_ALERT,
  READ_ORGANIZATION,
  READ_PROJECT,
  READ_RELEASE,
  READ_TEAM,
  readText,
  WRITE_PROJECT,
  WRITE_TEAM,
} from './api-call.ts'
import { createClientKey, createProject, createTeam, type Release, type Team } from './data.ts'
import { slugify } from './sample-id.ts'
import {
  showClientKey,
  showCommit,
  showDeploy,
  showOrganization,
  showProject,
  showRelease,
  showTeam,
} from './views.ts'

/** Users, organisations, teams, projects, client keys and releases. */
export const organizationRoutes: ApiRoute[] = [
  { method: 'GET', path: '/auth/', scopes: [], isOpen: true, handle: showUser },
  { method: 'GET', path: '/users/me/regions/', scopes: [], handle: listRegions },
  { method: 'GET', path: '/organizations/', scopes: READ_ORGANIZATION, handle: listOrganizations },
  {
    method: 'GET',
    path: '/organizations/:organization/',
    scopes: READ_ORGANIZATION,
    handle: (call) => showOrganization(findOrganization(call), call.origin),
  },

  {
    method: 'GET',
    path: '/organizations/:organization/teams/',
    scopes: READ_ORGANIZATION,
    handle: listTeams,
  },
  { method: 'POST', path: '/organizations/:organization/teams/', scopes: WRITE_TEAM, handle: addTeam },
  {
    method: 'GET',
    path: '/teams/:organization/:team/',
    scopes: READ_TEAM,
    handle: (call) => showTeam(findTeam(call), findOrganization(call).projects),
  },

  {
    method: 'GET',
    path: '/organizations/:organization/projects/',
    scopes: READ_ORGANIZATION,
    handle: listProjects,
  },
  { method: 'POST', path: '/teams/:organization/:team/projects/', scopes: WRITE_PROJECT, handle: addProject },
  {
    method: 'GET',
    path: '/projects/:organization/:project/',
    scopes: READ_PROJECT,
    handle: (call) => showProject(findProject(call)),
  },
  { method: 'PUT', path: '/projects/:organization/:project/', scopes: WRITE_PROJECT, handle: changeProject },
  {
    method: 'GET',
    path: '/projects/:organization/:project/teams/',
    scopes: READ_PROJECT,
    handle: (call) => new List(findProject(call).teams.map((team) => showTeam(team, []))),
  },
  {
    method: 'POST',
    path: '/projects/:organization/:project/teams/:team/',
    scopes: WRITE_PROJECT,
    handle: addProjectTeam,
  },
  {
    method: 'DELETE',
    path: '/projects/:organization/:project/teams/:team/',
    scopes: WRITE_PROJECT,
    handle: removeProjectTeam,
  },

  { method: 'GET', path: '/projects/:organization/:project/keys/', scopes: READ_PROJECT, handle: listKeys },
  { method: 'POST', path: '/projects/:organization/:project/keys/', scopes: WRITE_PROJECT, handle: addKey },
  {
    method: 'PUT',
    path: '/projects/:organization/:project/keys/:key/',
    scopes: WRITE_PROJECT,
    handle: changeKey,
  },

  {
    method: 'GET',
    path: '/organizations/:organization/releases/',
    scopes: READ_RELEASE,
    handle: listReleases,
  },
  {
    method: 'GET',
    path: '/projects/:organization/:project/releases/',
    scopes: READ_RELEASE,
    handle: listReleases,
  },
  ...releaseRoutes('/organizations/:organization/releases/:version/'),
  ...releaseRoutes('/projects/:organization/:project/releases/:version/'),

  // What the sample organisations do not use. An empty list is what Sentry answers then.
  ...emptyLists(READ_ORGANIZATION, ['repos', 'dashboards']),
  ...emptyLists(READ_ALERT, ['workflows', 'alert-rules', 'combined-rules', 'monitors', 'uptime']),
]

function releaseRoutes(path: string): ApiRoute[] {
  return [
    {
      method: 'GET',
      path,
      scopes: READ_RELEASE,
      handle: (call) => showRelease(findRelease(call), findOrganization(call).issues),
    },
    {
      method: 'GET',
      path: `${path}commits/`,
      scopes: READ_RELEASE,
      handle: (call) => new List([showCommit(findRelease(call))]),
    },
    {
      method: 'GET',
      path: `${path}deploys/`,
      scopes: READ_RELEASE,
      handle: (call) => new List([showDeploy(findRelease(call))]),
    },
  ]
}

function emptyLists(scopes: readonly string[], names: string[]): ApiRoute[] {
  return names.map((name) => ({
    method: 'GET',
    path: `/organizations/:organization/${name}/`,
    scopes,
    handle: (call) => new List(findOrganization(call) && []),
  }))
}

function showUser({ caller: { user } }: ApiCall): unknown {
  return {
    id: user.id,
    name: user.name ?? '',
    username: user.email,
    email: user.email,
    isActive: true,
    isSuperuser: false,
    isStaff: false,
    emails: [{ id: user.id, email: user.email, is_verified: true }],
  }
}

function listRegions({ origin }: ApiCall): unknown {
  return { regions: [{ name: '--monolith--', url: origin }] }
}

function listOrganizations({ data, query, origin, organizationId }: ApiCall): List {
  const reachable = data.organizations.filter(
    ({ id }) => organizationId === undefined || id === organizationId,
  )
  return new List(
    filterByName(reachable, query).map((organization) => showOrganization(organization, origin)),
  )
}

function listTeams(call: ApiCall): List {
  const { teams, projects } = findOrganization(call)
  return new List(filterByName(teams, call.query).map((team) => showTeam(team, projects)))
}

function addTeam(call: ApiCall): Answer {
  const organization = findOrganization(call)
  const name = readText(call.body, 'name') ?? readText(call.body, 'slug')
  if (name === undefined) throw new ApiFailure(400, 'Name or slug is required')
  const team = createTeam(nextId(organization.teams, 52000), name, Date.now())
  team.slug = readText(call.body, 'slug') ?? team.slug
  if (organization.teams.some(({ slug }) => slug === team.slug))
    throw new ApiFailure(409, 'A team with this slug already exists.')
  organization.teams.push(team)
  return new Answer(201, showTeam(team, organization.projects))
}

function findTeam(call: ApiCall): Team {
  const { team: slug } = call.params
  const found = findOrganization(call).teams.find((team) => team.slug === slug || team.id === slug)
  if (found === undefined) throw createNotFound()
  return found
}

function listProjects(call: ApiCall): List {
  return new List(filterByName(findOrganization(call).projects, call.query).map(showProject))
}

function addProject(call: ApiCall): Answer {
  const { projects } = findOrganization(call)
  const team = findTeam(call)
  const name = readText(call.body, 'name')
  if (name === undefined) throw new ApiFailure(400, 'name: This field is required.')
  const project = createProject(
    nextId(projects, 62000),
    name,
    readText(call.body, 'platform') ?? null,
    [team],
    Date.now(),
  )
  const wanted = readText(call.body, 'slug')
  const isTaken = (slug: string) => projects.some((other) => other.slug === slug)
  if (wanted !== undefined && isTaken(wanted))
    throw new ApiFailure(409, 'A project with this slug already exists.')
  project.slug = wanted ?? slugify(name)
  // A slug that Sentry thinks of itself gives way to one that is there.
  if (isTaken(project.slug)) project.slug = `${project.slug}-${projects.length}`
  projects.push(project)
  return new Answer(201, showProject(project))
}

function changeProject(call: ApiCall): unknown {
  const project = findProject(call)
  const slug = readText(call.body, 'slug')
  const isTaken = findOrganization(call).projects.some((other) => other !== project && other.slug === slug)
  if (isTaken) throw new ApiFailure(400, `Another project (${slug}) is already using that slug`)
  project.name = readText(call.body, 'name') ?? project.name
  project.slug = slug ?? project.slug
  project.platform = readText(call.body, 'platform') ?? project.platform
  return showProject(project)
}

function addProjectTeam(call: ApiCall): Answer {
  const project = findProject(call)
  const team = findTeam(call)
  if (!project.teams.includes(team)) project.teams.push(team)
  return new Answer(201, showProject(project))
}

function removeProjectTeam(call: ApiCall): unknown {
  const project = findProject(call)
  const team = findTeam(call)
  project.teams = project.teams.filter((other) => other !== team)
  return showProject(project)
}

function listKeys(call: ApiCall): List {
  const project = findProject(call)
  return new List(project.keys.map((key) => showClientKey(key, project, readHost(call))))
}

function addKey(call: ApiCall): Answer {
  const project = findProject(call)
  const key = createClientKey(
    project.id,
    readText(call.body, 'name') ?? 'Default',
    Date.now() + project.keys.length,
  )
  project.keys.push(key)
  return new Answer(201, showClientKey(key, project, readHost(call)))
}

function changeKey(call: ApiCall): unknown {
  const project = findProject(call)
  const key = project.keys.find(({ id }) => id === call.params.key)
  if (key === undefined) throw createNotFound()
  key.name = readText(call.body, 'name') ?? key.name
  if (typeof call.body.isActive === 'boolean') key.isActive = call.body.isActive
  return showClientKey(key, project, readHost(call))
}

function listReleases(call: ApiCall): List {
  const { issues } = findOrganization(call)
  const query = call.query.get('query')?.toLowerCase() ?? ''
  const found = selectReleases(call).filter(({ version }) => version.toLowerCase().includes(query))
  return new List(found.map((release) => showRelease(release, issues)))
}

function findRelease(call: ApiCall): Release {
  const found = selectReleases(call).find(({ version }) => version === call.params.version)
  if (found === undefined) throw createNotFound()
  return found
}

/** Those of the organisation or, where the path names one, of the project. */
function selectReleases(call: ApiCall): Release[] {
  const { releases } = findOrganization(call)
  if (call.params.project === undefined) return releases
  const project = findProject(call)
  return releases.filter(({ projects }) => projects.includes(project))
}

function filterByName<Named extends { slug: string; name: string }>(
  all: readonly Named[],
  query: URLSearchParams,
): Named[] {
  const wanted = query.get('query')?.toLowerCase() ?? ''
  return all.filter(({ slug, name }) => slug.includes(wanted) || name.toLowerCase().includes(wanted))
}

function nextId(existing: readonly { id: string }[], from: number): string {
  return String(Math.max(from, ...existing.map(({ id }) => Number(id))) + 1)
}

function readHost({ origin }: ApiCall): string {
  return new URL(origin).host
}
