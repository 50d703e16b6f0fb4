import {
  type ApiCall,
  ApiFailure,
  ApiResponse,
  type ApiRoute,
  createNotFound,
  findOrganization,
  findProject,
  List,
  READ_ORGANIZATION,
  READ_PROJECT,
  READ_RELEASE,
  readText,
  WRITE_PROJECT,
} from './api-call.ts'
import { filterByName, findTeam, nextId } from './api-organization.ts'
import { type ClientKey, createClientKey, createProject, type Release } from './data.ts'
import { slugify } from './sample-id.ts'
import {
  showClientKey,
  showListedProject,
  showProjectDetails,
  showProjectTeams,
  showTeam,
} from './views-organization.ts'
import { showCommit, showDeploy, showRelease } from './views-release.ts'

const ORGANIZATION = '/organizations/:organization/'
const PROJECT = '/projects/:organization/:project/'

/** Projects, their teams and client keys, and releases. */
export const projectRoutes: ApiRoute[] = [
  { method: 'GET', path: `${ORGANIZATION}projects/`, scopes: READ_ORGANIZATION, handle: listProjects },
  { method: 'POST', path: '/teams/:organization/:team/projects/', scopes: WRITE_PROJECT, handle: addProject },
  {
    method: 'GET',
    path: PROJECT,
    scopes: READ_PROJECT,
    handle: (call) => showProjectDetails(findProject(call), findOrganization(call), call),
  },
  { method: 'PUT', path: PROJECT, scopes: WRITE_PROJECT, handle: changeProject },
  {
    method: 'GET',
    path: `${PROJECT}teams/`,
    scopes: READ_PROJECT,
    handle: (call) => new List(findProject(call).teams.map(showTeam)),
  },
  { method: 'POST', path: `${PROJECT}teams/:team/`, scopes: WRITE_PROJECT, handle: addProjectTeam },
  { method: 'DELETE', path: `${PROJECT}teams/:team/`, scopes: WRITE_PROJECT, handle: removeProjectTeam },
  { method: 'GET', path: `${PROJECT}keys/`, scopes: READ_PROJECT, handle: listKeys },
  { method: 'POST', path: `${PROJECT}keys/`, scopes: WRITE_PROJECT, handle: addKey },
  { method: 'PUT', path: `${PROJECT}keys/:key/`, scopes: WRITE_PROJECT, handle: changeKey },
  ...[ORGANIZATION, PROJECT].flatMap((owner) => createReleaseRoutes(`${owner}releases/`)),
]

function createReleaseRoutes(path: string): ApiRoute[] {
  return [
    { method: 'GET', path, scopes: READ_RELEASE, handle: listReleases },
    { method: 'GET', path: `${path}:version/`, scopes: READ_RELEASE, handle: showReleaseDetails },
    {
      method: 'GET',
      path: `${path}:version/commits/`,
      scopes: READ_RELEASE,
      handle: (call) => new List([showCommit(findRelease(call))]),
    },
    {
      method: 'GET',
      path: `${path}:version/deploys/`,
      scopes: READ_RELEASE,
      handle: (call) => new List([showDeploy(findRelease(call))]),
    },
  ]
}

function listProjects(call: ApiCall): List {
  const organization = findOrganization(call)
  const found = filterByName(organization.projects, call.query)
  return new List(found.map((project) => showListedProject(project, organization, call)))
}

function addProject(call: ApiCall): ApiResponse {
  const organization = findOrganization(call)
  const { projects } = organization
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
  // Where Sentry makes the slug itself, it avoids one that exists.
  if (isTaken(project.slug)) project.slug = `${project.slug}-${projects.length}`
  projects.push(project)
  return new ApiResponse(201, showListedProject(project, organization, call))
}

function changeProject(call: ApiCall): unknown {
  const project = findProject(call)
  const organization = findOrganization(call)
  const slug = readText(call.body, 'slug')
  const isTaken = organization.projects.some((other) => other !== project && other.slug === slug)
  if (isTaken) throw new ApiFailure(400, `Another project (${slug}) is already using that slug`)
  project.name = readText(call.body, 'name') ?? project.name
  project.slug = slug ?? project.slug
  project.platform = readText(call.body, 'platform') ?? project.platform
  return showProjectDetails(project, organization, call)
}

function addProjectTeam(call: ApiCall): ApiResponse {
  const project = findProject(call)
  const team = findTeam(call)
  if (!project.teams.includes(team)) project.teams.push(team)
  return new ApiResponse(201, showProjectTeams(project, call))
}

function removeProjectTeam(call: ApiCall): unknown {
  const project = findProject(call)
  const team = findTeam(call)
  project.teams = project.teams.filter((other) => other !== team)
  return showProjectTeams(project, call)
}

function listKeys(call: ApiCall): List {
  const project = findProject(call)
  return new List(project.keys.map((key) => showClientKey(key, project, call)))
}

function addKey(call: ApiCall): ApiResponse {
  const project = findProject(call)
  const key = createClientKey(
    project.id,
    readText(call.body, 'name') ?? 'Default',
    Date.now() + project.keys.length,
  )
  project.keys.push(key)
  return new ApiResponse(201, showClientKey(key, project, call))
}

function changeKey(call: ApiCall): unknown {
  const { body } = call
  const project = findProject(call)
  const key = project.keys.find(({ id }) => id === call.params.key)
  if (key === undefined) throw createNotFound()
  key.name = readText(body, 'name') ?? key.name
  key.browserSdkVersion = readText(body, 'browserSdkVersion') ?? key.browserSdkVersion
  if (typeof body.isActive === 'boolean') key.isActive = body.isActive
  if ('rateLimit' in body) key.rateLimit = readRateLimit(body.rateLimit)
  Object.assign(key.loader, body.dynamicSdkLoaderOptions)
  return showClientKey(key, project, call)
}

/** Without a window or a count there is no limit. */
function readRateLimit(value: unknown): ClientKey['rateLimit'] {
  const { window = 0, count = 0 } = (value ?? {}) as { window?: number; count?: number }
  return window > 0 && count > 0 ? { window, count } : null
}

function listReleases(call: ApiCall): List {
  const { issues } = findOrganization(call)
  const query = call.query.get('query')?.toLowerCase() ?? ''
  const found = selectReleases(call).filter(({ version }) => version.toLowerCase().includes(query))
  return new List(found.map((release) => showRelease(release, issues)))
}

function showReleaseDetails(call: ApiCall): unknown {
  return showRelease(findRelease(call), findOrganization(call).issues, call.query.get('health') === '1')
}

function findRelease(call: ApiCall): Release {
  const found = selectReleases(call).find(({ version }) => version === call.params.version)
  if (found === undefined) throw createNotFound()
  return found
}

/** Those of the organization or, where the path names one, of the project. */
function selectReleases(call: ApiCall): Release[] {
  const { releases } = findOrganization(call)
  if (call.params.project === undefined) return releases
  const project = findProject(call)
  return releases.filter(({ projects }) => projects.includes(project))
}
