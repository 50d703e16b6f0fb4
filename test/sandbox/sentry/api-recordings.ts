import {
  type ApiCall,
  ApiFailure,
  ApiResponse,
  type ApiRoute,
  createNotFound,
  findOrganization,
  findProject,
  List,
  READ_EVENT,
  READ_PROJECT,
  selectProjects,
} from './api-call.ts'
import type { Conversation, Profile, Replay, Snapshot, SnapshotImage } from './data-recordings.ts'
import { makePng } from './png.ts'
import {
  listConversationSpans,
  showBaseSnapshot,
  showFlamegraph,
  showListedConversation,
  showProfile,
  showProfileChunk,
  showRecording,
  showReplay,
  showSnapshot,
  showSnapshotImage,
} from './views-recordings.ts'

const ORGANIZATION = '/organizations/:organization/'
const PROJECT = '/projects/:organization/:project/'
const SNAPSHOTS = `${ORGANIZATION}preprodartifacts/snapshots/`

/** Replays, profiles, snapshots and conversations. */
export const recordingRoutes: ApiRoute[] = [
  { method: 'GET', path: `${ORGANIZATION}replays/`, scopes: READ_EVENT, handle: listReplays },
  {
    method: 'GET',
    path: `${ORGANIZATION}replays/:replay/`,
    scopes: READ_EVENT,
    handle: (call) => ({ data: describeReplay(call, findReplay(call)) }),
  },
  {
    method: 'GET',
    path: `${PROJECT}replays/:replay/recording-segments/`,
    scopes: READ_EVENT,
    handle: (call) => showRecording(findReplay(call)),
  },
  { method: 'GET', path: `${ORGANIZATION}replay-count/`, scopes: READ_EVENT, handle: countReplays },

  { method: 'GET', path: `${ORGANIZATION}profiling/flamegraph/`, scopes: READ_EVENT, handle: drawFlamegraph },
  {
    method: 'GET',
    path: `${PROJECT}profiling/profiles/:profile/`,
    scopes: READ_EVENT,
    handle: (call) => showProfile(findProfile(call)),
  },
  { method: 'GET', path: `${ORGANIZATION}profiling/chunks/`, scopes: READ_EVENT, handle: findChunk },

  { method: 'GET', path: `${SNAPSHOTS}latest-base/`, scopes: READ_PROJECT, handle: findBaseSnapshot },
  {
    method: 'GET',
    path: `${SNAPSHOTS}:snapshot/`,
    scopes: READ_PROJECT,
    handle: (call) => showSnapshot(findSnapshot(call)),
  },
  {
    method: 'GET',
    path: `${SNAPSHOTS}:snapshot/images/:image/`,
    scopes: READ_PROJECT,
    handle: describeImage,
  },
  {
    method: 'GET',
    path: `${SNAPSHOTS}:snapshot/images/:image/:version/`,
    scopes: READ_PROJECT,
    handle: downloadImage,
  },

  ...['agents/conversations/', 'ai-conversations/'].flatMap(createConversationRoutes),
]

function createConversationRoutes(name: string): ApiRoute[] {
  const path = `${ORGANIZATION}${name}`
  return [
    { method: 'GET', path, scopes: READ_EVENT, handle: listConversations },
    { method: 'GET', path: `${path}:conversation/`, scopes: READ_EVENT, handle: describeConversation },
  ]
}

function listReplays(call: ApiCall): unknown {
  const projects = selectProjects(call)
  const found = findOrganization(call).replays.filter(({ project }) => projects.includes(project))
  return {
    data: found
      .slice(0, Number(call.query.get('per_page') ?? 10))
      .map((replay) => describeReplay(call, replay)),
  }
}

function findReplay(call: ApiCall): Replay {
  const wanted = call.params.replay?.replaceAll('-', '')
  const found = findOrganization(call).replays.find(({ id }) => id === wanted)
  if (found === undefined) throw createNotFound()
  if (call.params.project !== undefined && found.project !== findProject(call)) throw createNotFound()
  return found
}

/** A replay shows the newest events of its issues as the errors that happened in it. */
function describeReplay(call: ApiCall, replay: Replay) {
  const issues = findOrganization(call).issues.filter(({ shortId }) => replay.shortIds.includes(shortId))
  return showReplay(
    replay,
    issues.flatMap(({ events }) => (events[0] === undefined ? [] : [events[0].id])),
  )
}

/** How many replays each issue of `query` has or, with `returnIds`, which. */
function countReplays(call: ApiCall): unknown {
  const { issues, replays } = findOrganization(call)
  const ids = /issue\.id:\[?([\d,\s]+)/.exec(call.query.get('query') ?? '')?.[1]?.split(',') ?? []
  const wanted = issues.filter(({ id }) => ids.some((text) => text.trim() === id))
  return Object.fromEntries(
    wanted.map(({ id, shortId }) => {
      const found = replays.filter(({ shortIds }) => shortIds.includes(shortId)).map((replay) => replay.id)
      return [id, call.query.get('returnIds') === 'true' ? found : found.length]
    }),
  )
}

function drawFlamegraph(call: ApiCall): unknown {
  const transaction = /transaction:"((?:[^"\\]|\\.)*)"/.exec(call.query.get('query') ?? '')?.[1]
  const found = selectProfiles(call).filter((profile) => profile.profilerId === undefined)
  return showFlamegraph(
    found.filter((profile) => transaction === undefined || profile.transaction === transaction),
  )
}

function findProfile(call: ApiCall): Profile {
  const project = findProject(call)
  const found = findOrganization(call).profiles.find(
    (profile) => profile.id === call.params.profile && profile.project === project,
  )
  if (found === undefined) throw createNotFound()
  return found
}

function findChunk(call: ApiCall): unknown {
  const wanted = call.query.get('profiler_id')
  if (wanted === null) throw new ApiFailure(400, 'profiler_id not specified.')
  const found = selectProfiles(call).find(({ profilerId }) => profilerId === wanted)
  if (found === undefined) throw createNotFound()
  return showProfileChunk(found)
}

function selectProfiles(call: ApiCall): Profile[] {
  const projects = selectProjects(call)
  return findOrganization(call).profiles.filter(({ project }) => projects.includes(project))
}

function findSnapshot(call: ApiCall): Snapshot {
  const found = findOrganization(call).snapshots.find(({ id }) => id === call.params.snapshot)
  if (found === undefined) throw createNotFound()
  return found
}

function findBaseSnapshot(call: ApiCall): unknown {
  const appId = call.query.get('app_id')
  const branch = call.query.get('branch') ?? 'main'
  const projects = selectProjects(call)
  const found = findOrganization(call).snapshots.find(
    (snapshot) =>
      snapshot.appId === appId && snapshot.branch === branch && projects.includes(snapshot.project),
  )
  if (found === undefined) throw createNotFound()
  return showBaseSnapshot(found)
}

function findImage(call: ApiCall): SnapshotImage {
  const found = findSnapshot(call).images.find(({ name }) => name === call.params.image)
  if (found === undefined) throw createNotFound()
  return found
}

function describeImage(call: ApiCall): unknown {
  const { organization, snapshot } = call.params
  const image = findImage(call)
  const path = `/api/0/organizations/${organization}/preprodartifacts/snapshots/${snapshot}/images/${image.name}/`
  return showSnapshotImage(findSnapshot(call), image, path)
}

function downloadImage(call: ApiCall): ApiResponse {
  findImage(call)
  return new ApiResponse(200, makePng(64, 40), { 'content-type': 'image/png' })
}

function listConversations(call: ApiCall): List {
  const projects = selectProjects(call)
  const found = findOrganization(call).conversations.filter(({ project }) => projects.includes(project))
  return new List(found.map((conversation) => showListedConversation(conversation, call.release)))
}

function describeConversation(call: ApiCall): unknown {
  const found: Conversation | undefined = findOrganization(call).conversations.find(
    ({ id }) => id === call.params.conversation,
  )
  if (found === undefined) throw createNotFound()
  const spans = listConversationSpans(found)
  return call.release.has('full conversations')
    ? { conversationId: found.id, title: found.title, spans }
    : spans
}
