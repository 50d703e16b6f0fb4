import {
  type ApiCall,
  ApiFailure,
  ApiResponse,
  type ApiRoute,
  createNotFound,
  findIssue,
  findOrganization,
  findProject,
  List,
  READ_EVENT,
  READ_PROJECT,
  readText,
  selectProjects,
  WRITE_EVENT,
} from './api-call.ts'
import type { Activity, Assignee, Issue, Organization } from './data.ts'
import type { Attachment, SentryEvent } from './data-events.ts'
import { listErrorRows } from './rows.ts'
import { compileQuery, parsePeriod, type Row } from './search.ts'
import {
  countUsers,
  showActivity,
  showAttachment,
  showEvent,
  showIssue,
  showListedIssue,
  showUserReport,
  summarizeEvent,
} from './views-issue.ts'

const ISSUE = '/organizations/:organization/issues/:issue/'
const EVENT = '/projects/:organization/:project/events/:event/'

/** Issues, their events, attachments and activity. */
export const issueRoutes: ApiRoute[] = [
  { method: 'GET', path: '/organizations/:organization/issues/', scopes: READ_EVENT, handle: listIssues },
  { method: 'GET', path: ISSUE, scopes: READ_EVENT, handle: (call) => show(findIssue(call), call) },
  { method: 'PUT', path: ISSUE, scopes: WRITE_EVENT, handle: changeIssue },
  { method: 'GET', path: `${ISSUE}events/`, scopes: READ_EVENT, handle: listEvents },
  { method: 'GET', path: `${ISSUE}events/:event/`, scopes: READ_EVENT, handle: showIssueEvent },
  { method: 'GET', path: `${ISSUE}tags/:key/`, scopes: READ_EVENT, handle: showTagValues },
  {
    method: 'GET',
    path: `${ISSUE}activities/`,
    scopes: READ_EVENT,
    handle: (call) => ({ activity: findIssue(call).activity.map(showActivity) }),
  },
  {
    method: 'GET',
    path: `${ISSUE}notes/`,
    scopes: READ_EVENT,
    handle: (call) =>
      new List(
        findIssue(call)
          .activity.filter(({ type }) => type === 'note')
          .map(showActivity),
      ),
  },
  { method: 'POST', path: `${ISSUE}notes/`, scopes: WRITE_EVENT, handle: addNote },
  {
    method: 'GET',
    path: `${ISSUE}user-reports/`,
    scopes: READ_EVENT,
    handle: (call) => new List(findIssue(call).reports.map(showUserReport)),
  },
  {
    method: 'GET',
    path: `${ISSUE}external-issues/`,
    scopes: READ_EVENT,
    handle: (call) => findIssue(call) && [],
  },

  { method: 'GET', path: `${EVENT}attachments/`, scopes: READ_EVENT, handle: listAttachments },
  {
    method: 'GET',
    path: `${EVENT}attachments/:attachment/`,
    scopes: READ_EVENT,
    handle: showOrDownloadAttachment,
  },
  {
    method: 'GET',
    path: '/projects/:organization/:project/stacktrace-link/',
    scopes: READ_PROJECT,
    handle: (call) => findProject(call) && { config: null, sourceUrl: null, integrations: [] },
  },
]

const SORTS: Record<string, (left: Issue, right: Issue) => number> = {
  date: (left, right) => lastSeen(right) - lastSeen(left),
  new: (left, right) => firstSeen(right) - firstSeen(left),
  freq: (left, right) => right.events.length - left.events.length,
  user: (left, right) => countUsers(right) - countUsers(left),
  recommended: (left, right) => rank(right) - rank(left) || lastSeen(right) - lastSeen(left),
}

function listIssues(call: ApiCall): List {
  const { query } = call
  const organization = findOrganization(call)
  const projects = selectProjects(call)
  const period = parsePeriod(query.get('statsPeriod') ?? '')
  const since = period === undefined ? 0 : Date.now() - period
  const matches = compileQuery(query.get('query') ?? '')
  const order = query.get('sort') ?? 'date'
  const sort = SORTS[order]
  const isKnown = order !== 'recommended' || call.release.has('recommended sort')
  if (sort === undefined || !isKnown) throw new ApiFailure(400, 'Invalid sort parameter.')
  const found = organization.issues.filter((issue) => {
    const isInScope = projects.includes(issue.project) && lastSeen(issue) >= since
    return isInScope && matches(describeIssue(issue, organization, call))
  })
  return new List(found.toSorted(sort).map((issue) => showListedIssue(issue, organization, call)))
}

/** The fields that an issue is searched by: its own and the tags of its events. */
function describeIssue(issue: Issue, organization: Organization, { caller }: ApiCall): Row {
  const { assignedTo, events } = issue
  const tags = Map.groupBy(
    events.flatMap((event) => Object.entries(event.tags)),
    ([key]) => key,
  )
  const latest = organization.releases.filter(({ projects }) => projects.includes(issue.project))[0]?.version
  const releases = events.map((event) => event.tags.release)
  const isMine = assignedTo?.type === 'user' && assignedTo.id === caller.user.id
  return {
    ...Object.fromEntries([...tags].map(([key, entries]) => [key, entries.map(([, value]) => value)])),
    title: issue.title,
    culprit: issue.culprit,
    message: `${issue.shortId} ${issue.title}`,
    // A search for an event's id finds its issue.
    text: events.map(({ id }) => id).join(' '),
    is: [
      issue.status,
      issue.status === 'ignored' ? 'archived' : undefined,
      issue.substatus ?? undefined,
      assignedTo === null ? 'unassigned' : 'assigned',
    ],
    issue: [issue.shortId, issue.id],
    'issue.id': issue.id,
    'issue.category': issue.issueCategory,
    'issue.type': issue.issueType,
    'issue.priority': issue.priority,
    level: issue.level,
    project: [issue.project.slug, issue.project.id],
    platform: events[0]?.platform,
    assigned:
      assignedTo === null
        ? 'none'
        : [assignedTo.name, assignedTo.email, `#${assignedTo.name}`, isMine && 'me'],
    release: releases.includes(latest) ? [...releases, 'latest'] : releases,
    firstSeen: events.at(-1)?.dateCreated,
    lastSeen: events[0]?.dateCreated,
    timesSeen: events.length,
    times_seen: events.length,
    userCount: countUsers(issue),
    'user.email': events.map(({ user }) => user?.email),
    'user.id': events.map(({ user }) => user?.id),
    'error.type': events[0]?.exception?.type,
    'error.handled': events[0]?.exception?.handled,
    'error.unhandled': events[0]?.exception?.handled === false,
  }
}

function changeIssue(call: ApiCall): unknown {
  const { body } = call
  const issue = findIssue(call)
  const status = readText(body, 'status')
  if (status !== undefined) changeStatus(issue, status, body)
  if ('assignedTo' in body) issue.assignedTo = readAssignee(call)
  const { user } = call.caller
  const type =
    status === undefined ? 'assigned' : `set_${status === 'resolvedInNextRelease' ? 'resolved' : status}`
  issue.activity.unshift(createActivity(issue, type, user, {}))
  return show(issue, call)
}

function changeStatus(issue: Issue, status: string, body: Record<string, unknown>): void {
  switch (status) {
    case 'resolved':
    case 'resolvedInNextRelease':
      issue.status = 'resolved'
      issue.substatus = null
      issue.statusDetails = status === 'resolved' ? {} : { inNextRelease: true }
      break
    case 'unresolved':
      issue.status = 'unresolved'
      issue.substatus = 'ongoing'
      issue.statusDetails = {}
      break
    case 'ignored': {
      issue.status = 'ignored'
      issue.substatus = readText(body, 'substatus') ?? 'archived_until_escalating'
      const conditions = [
        'ignoreDuration',
        'ignoreCount',
        'ignoreWindow',
        'ignoreUserCount',
        'ignoreUserWindow',
      ]
      issue.statusDetails = Object.fromEntries(
        conditions.flatMap((name) => (typeof body[name] === 'number' ? [[name, body[name]]] : [])),
      )
      break
    }
    default:
      throw new ApiFailure(400, `status: "${status}" is not a valid choice.`)
  }
}

function readAssignee(call: ApiCall): Assignee | null {
  const { user } = call.caller
  const wanted = readText(call.body, 'assignedTo')
  if (wanted === undefined) return null
  const [, kind = 'user', name = wanted] = /^(user|team):(.+)$/.exec(wanted) ?? []
  if (kind === 'team') {
    const team = findOrganization(call).teams.find(({ id, slug }) => id === name || slug === name)
    if (team !== undefined) return { type: 'team', id: team.id, name: team.slug }
  } else if ([user.id, user.email, 'me'].includes(name)) {
    return { type: 'user', id: user.id, name: user.name ?? user.email, email: user.email }
  }
  throw new ApiFailure(400, 'assignedTo: Unknown actor input')
}

function addNote(call: ApiCall): ApiResponse {
  const issue = findIssue(call)
  const text = readText(call.body, 'text')
  if (text === undefined) throw new ApiFailure(400, 'text: This field may not be blank.')
  const note = createActivity(issue, 'note', call.caller.user, { text })
  issue.activity.unshift(note)
  return new ApiResponse(201, showActivity(note))
}

function createActivity(
  issue: Issue,
  type: string,
  user: Activity['user'],
  data: Record<string, unknown>,
): Activity {
  return { id: `${issue.id}${issue.activity.length}`, type, user, data, dateCreated: new Date() }
}

function listEvents(call: ApiCall): List {
  const issue = findIssue(call)
  const matches = compileQuery(call.query.get('query') ?? '')
  const wanted = new Set(
    listErrorRows([issue])
      .filter(matches)
      .map(({ id }) => id),
  )
  const found = issue.events.filter(({ id }) => wanted.has(id))
  const sorted = call.query.get('sort') === 'timestamp' ? found.toReversed() : found
  return new List(sorted.map((event) => summarizeEvent(event, issue)))
}

function showIssueEvent(call: ApiCall): unknown {
  const issue = findIssue(call)
  const { event: id = '' } = call.params
  const event = ['latest', 'recommended'].includes(id)
    ? issue.events[0]
    : id === 'oldest'
      ? issue.events.at(-1)
      : issue.events.find((candidate) => candidate.id === id.toLowerCase())
  if (event === undefined) throw createNotFound()
  return showEvent(event, issue, findOrganization(call))
}

function showTagValues(call: ApiCall): unknown {
  const issue = findIssue(call)
  const { key = '' } = call.params
  const tagged = issue.events.filter(({ tags }) => tags[key] !== undefined)
  if (tagged.length === 0) throw createNotFound()
  const groups = Map.groupBy(tagged, ({ tags }) => tags[key])
  const topValues = [...groups].map(([value, events]) => ({
    key,
    name: value,
    value,
    count: events.length,
    firstSeen: events.at(-1)?.dateCreated,
    lastSeen: events[0]?.dateCreated,
  }))
  return {
    key,
    name: key,
    uniqueValues: groups.size,
    totalValues: tagged.length,
    topValues: topValues.sort((left, right) => right.count - left.count),
  }
}

function listAttachments(call: ApiCall): List {
  const event = findProjectEvent(call)
  return new List(event.attachments.map((attachment) => showAttachment(attachment, event)))
}

function showOrDownloadAttachment(call: ApiCall): unknown {
  const event = findProjectEvent(call)
  const attachment: Attachment | undefined = event.attachments.find(({ id }) => id === call.params.attachment)
  if (attachment === undefined) throw createNotFound()
  if (!call.query.has('download')) return showAttachment(attachment, event)
  return new ApiResponse(200, attachment.open(), {
    'content-type': attachment.mimetype,
    'content-length': attachment.size,
    'content-disposition': `attachment; filename="${attachment.name}"`,
  })
}

function findProjectEvent(call: ApiCall): SentryEvent {
  const project = findProject(call)
  const issues = findOrganization(call).issues.filter((issue) => issue.project === project)
  const found = issues
    .flatMap(({ events }) => events)
    .find(({ id }) => id === call.params.event?.toLowerCase())
  if (found === undefined) throw createNotFound()
  return found
}

function show(issue: Issue, call: ApiCall): unknown {
  return showIssue(issue, findOrganization(call), call)
}

function lastSeen(issue: Issue): number {
  return issue.events[0]?.dateCreated.getTime() ?? 0
}

function firstSeen(issue: Issue): number {
  return issue.events.at(-1)?.dateCreated.getTime() ?? 0
}

function rank(issue: Issue): number {
  return ['low', 'medium', 'high'].indexOf(issue.priority)
}
