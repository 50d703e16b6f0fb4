import {
  type ApiCall,
  ApiFailure,
  ApiResponse,
  type ApiRoute,
  createNotFound,
  findOrganization,
  findProject,
  List,
  READ_ALERT,
  READ_ORGANIZATION,
  READ_PROJECT,
  readText,
  selectProjects,
  WRITE_PROJECT,
} from './api-call.ts'
import { nextId } from './api-organization.ts'
import type { Project } from './data.ts'
import { createUptimeMonitor, type MetricRule, type Monitor, type UptimeMonitor } from './data-monitoring.ts'
import {
  showCheckIn,
  showDashboard,
  showIssueRule,
  showListedDashboard,
  showMetricRule,
  showMonitor,
  showMonitorStats,
  showUptimeCheck,
  showUptimeMonitor,
  showWorkflow,
} from './views-monitoring.ts'

const ORGANIZATION = '/organizations/:organization/'
const PROJECT = '/projects/:organization/:project/'
const UPTIME = `${PROJECT}uptime/`

/** Dashboards, cron and uptime monitors, alert rules. */
export const monitoringRoutes: ApiRoute[] = [
  { method: 'GET', path: `${ORGANIZATION}dashboards/`, scopes: READ_ORGANIZATION, handle: listDashboards },
  {
    method: 'GET',
    path: `${ORGANIZATION}dashboards/:dashboard/`,
    scopes: READ_ORGANIZATION,
    handle: (call) =>
      showDashboard(findById(findOrganization(call).dashboards, call.params.dashboard), call.caller.user),
  },

  { method: 'GET', path: `${ORGANIZATION}monitors/`, scopes: READ_ALERT, handle: listMonitors },
  ...[ORGANIZATION, PROJECT].flatMap((owner) => createMonitorRoutes(`${owner}monitors/:monitor/`)),

  { method: 'GET', path: `${ORGANIZATION}uptime/`, scopes: READ_ALERT, handle: listUptimeMonitors },
  {
    method: 'GET',
    path: `${UPTIME}:uptime/`,
    scopes: READ_PROJECT,
    handle: (call) => showUptimeMonitor(findUptimeMonitor(call)),
  },
  { method: 'GET', path: `${UPTIME}:uptime/checks/`, scopes: READ_PROJECT, handle: listUptimeChecks },
  { method: 'POST', path: UPTIME, scopes: WRITE_PROJECT, handle: addUptimeMonitor },
  { method: 'PUT', path: `${UPTIME}:uptime/`, scopes: WRITE_PROJECT, handle: changeUptimeMonitor },
  { method: 'DELETE', path: `${UPTIME}:uptime/`, scopes: WRITE_PROJECT, handle: removeUptimeMonitor },

  { method: 'GET', path: `${ORGANIZATION}workflows/`, scopes: READ_ALERT, handle: listWorkflows },
  { method: 'GET', path: `${PROJECT}rules/`, scopes: READ_PROJECT, handle: listIssueRules },
  {
    method: 'GET',
    path: `${PROJECT}rules/:rule/`,
    scopes: READ_PROJECT,
    handle: (call) => showIssueRule(findById(selectIssueRules(call, [findProject(call)]), call.params.rule)),
  },
  { method: 'GET', path: `${ORGANIZATION}alert-rules/`, scopes: READ_ALERT, handle: listMetricRules },
  {
    method: 'GET',
    path: `${ORGANIZATION}alert-rules/:rule/`,
    scopes: READ_ALERT,
    handle: (call) => {
      const { id, metricRules } = findOrganization(call)
      return showMetricRule(findById(metricRules, call.params.rule), id)
    },
  },
  { method: 'GET', path: `${ORGANIZATION}combined-rules/`, scopes: READ_ALERT, handle: listCombinedRules },
]

function createMonitorRoutes(path: string): ApiRoute[] {
  return [
    { method: 'GET', path, scopes: READ_ALERT, handle: (call) => showMonitor(findMonitor(call), call) },
    { method: 'GET', path: `${path}checkins/`, scopes: READ_ALERT, handle: listCheckIns },
    {
      method: 'GET',
      path: `${path}stats/`,
      scopes: READ_ALERT,
      handle: (call) => showMonitorStats(findMonitor(call)),
    },
  ]
}

function listDashboards(call: ApiCall): List {
  const wanted = call.query.get('query')?.toLowerCase() ?? ''
  const found = findOrganization(call).dashboards.filter(({ title }) => title.toLowerCase().includes(wanted))
  return new List(found.map((dashboard) => showListedDashboard(dashboard, call.caller.user)))
}

function listMonitors(call: ApiCall): List {
  const wanted = call.query.get('query')?.toLowerCase() ?? ''
  const projects = selectProjects(call)
  const found = findOrganization(call).monitors.filter(
    ({ project, name, slug }) =>
      projects.includes(project) && `${name.toLowerCase()} ${slug}`.includes(wanted),
  )
  return new List(found.map((monitor) => showMonitor(monitor, call)))
}

function findMonitor(call: ApiCall): Monitor {
  const projects = call.params.project === undefined ? undefined : [findProject(call)]
  const found = findOrganization(call).monitors.find(
    ({ slug, id, project }) =>
      (slug === call.params.monitor || id === call.params.monitor) && projects?.includes(project) !== false,
  )
  if (found === undefined) throw createNotFound()
  return found
}

function listCheckIns(call: ApiCall): List {
  const monitor = findMonitor(call)
  return new List(monitor.checkIns.map((checkIn) => showCheckIn(checkIn, monitor)))
}

function listUptimeMonitors(call: ApiCall): List {
  const wanted = call.query.get('query')?.toLowerCase() ?? ''
  const projects = selectProjects(call)
  const found = findOrganization(call).uptimeMonitors.filter(
    ({ project, name, url }) => projects.includes(project) && `${name.toLowerCase()} ${url}`.includes(wanted),
  )
  return new List(found.map(showUptimeMonitor))
}

function findUptimeMonitor(call: ApiCall): UptimeMonitor {
  const project = findProject(call)
  const own = findOrganization(call).uptimeMonitors.filter((monitor) => monitor.project === project)
  return findById(own, call.params.uptime)
}

function listUptimeChecks(call: ApiCall): List {
  const monitor = findUptimeMonitor(call)
  return new List(monitor.checks.map((check) => showUptimeCheck(check, monitor)))
}

function addUptimeMonitor(call: ApiCall): ApiResponse {
  const project = findProject(call)
  const { uptimeMonitors } = findOrganization(call)
  for (const name of ['name', 'url']) {
    if (readText(call.body, name) === undefined)
      throw new ApiFailure(400, { [name]: ['This field is required.'] })
  }
  const monitor = createUptimeMonitor(nextId(uptimeMonitors, 33100), project, readUptimeSettings(call))
  uptimeMonitors.push(monitor)
  return new ApiResponse(201, showUptimeMonitor(monitor))
}

function changeUptimeMonitor(call: ApiCall): unknown {
  const monitor = findUptimeMonitor(call)
  Object.assign(monitor, readUptimeSettings(call))
  return showUptimeMonitor(monitor)
}

/** Sentry takes an owner as `team:51002` and shows it with its name. */
function readUptimeSettings(call: ApiCall): Partial<UptimeMonitor> {
  const { owner, ...settings } = call.body
  if (typeof owner !== 'string') return settings
  const [type, id = ''] = owner.split(':')
  const team = findOrganization(call).teams.find((candidate) => candidate.id === id)
  const name = type === 'team' ? team?.slug : call.caller.user.email
  if (name === undefined) throw new ApiFailure(400, { owner: ['Unknown actor input'] })
  return { ...settings, owner: { type: type === 'team' ? 'team' : 'user', id, name } }
}

function removeUptimeMonitor(call: ApiCall): ApiResponse {
  const monitor = findUptimeMonitor(call)
  const organization = findOrganization(call)
  organization.uptimeMonitors = organization.uptimeMonitors.filter((other) => other !== monitor)
  return new ApiResponse(202)
}

function listWorkflows(call: ApiCall): List {
  const { id } = findOrganization(call)
  const wanted = call.query.getAll('id')
  const name = /name:"?\*?(.*?)\*?"?$/.exec(call.query.get('query') ?? '')?.[1]?.toLowerCase() ?? ''
  const found = selectIssueRules(call, selectProjects(call)).filter(
    (rule) => (wanted.length === 0 || wanted.includes(rule.id)) && rule.name.toLowerCase().includes(name),
  )
  const hasDetectors = call.release.has('detectorIds of a workflow')
  return new List(found.map((rule) => showWorkflow(rule, id, hasDetectors)))
}

function listIssueRules(call: ApiCall): List {
  return new List(selectIssueRules(call, [findProject(call)]).map(showIssueRule))
}

function selectIssueRules(call: ApiCall, projects: readonly Project[]) {
  return findOrganization(call).issueRules.filter(({ project }) => projects.includes(project))
}

function listMetricRules(call: ApiCall): List {
  const { id } = findOrganization(call)
  return new List(selectMetricRules(call).map((rule) => showMetricRule(rule, id)))
}

/** Issue and metric rules in one list; the tools ask for metric rules of a name alone. */
function listCombinedRules(call: ApiCall): List {
  const { id } = findOrganization(call)
  const name = call.query.get('name')?.toLowerCase() ?? ''
  const found = selectMetricRules(call).filter((rule) => rule.name.toLowerCase().includes(name))
  return new List(found.map((rule) => ({ ...showMetricRule(rule, id), type: 'alert_rule' })))
}

function selectMetricRules(call: ApiCall): MetricRule[] {
  const projects = selectProjects(call)
  return findOrganization(call).metricRules.filter(({ project }) => projects.includes(project))
}

function findById<Item extends { id: string }>(items: readonly Item[], id: string | undefined): Item {
  const found = items.find((item) => item.id === id)
  if (found === undefined) throw createNotFound()
  return found
}
