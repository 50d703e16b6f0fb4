import type { Issue, Project, Release } from './data.ts'
import { type Json, summarizeProject } from './views.ts'

const AUTHOR_EMAIL = 'mara@tidewater.example'

export function showRelease(release: Release, issues: readonly Issue[], includeHealth = false): Json {
  const events = issues
    .flatMap((issue) => issue.events)
    .filter(({ tags }) => tags.release === release.version)
  const times = events.map((event) => event.dateCreated.getTime())
  const newGroups = issues.filter((issue) => issue.events.at(-1)?.tags.release === release.version).length
  return {
    id: release.id,
    version: release.version,
    shortVersion: release.version,
    versionInfo: describeVersion(release.version),
    status: 'open',
    dateCreated: release.dateCreated,
    dateReleased: release.dateCreated,
    firstEvent: times.length === 0 ? null : new Date(Math.min(...times)),
    lastEvent: times.length === 0 ? null : new Date(Math.max(...times)),
    newGroups,
    commitCount: 1,
    deployCount: 1,
    lastCommit: showCommit(release),
    lastDeploy: showDeploy(release),
    authors: [showAuthor(release)],
    projects: release.projects.map((project) => showReleaseProject(project, newGroups, includeHealth)),
    owner: null,
    ref: release.commit.id,
    url: null,
    data: {},
    userAgent: 'sentry-cli/2.58.0',
    currentProjectMeta: {},
  }
}

function showReleaseProject(project: Project, newGroups: number, includeHealth: boolean): Json {
  return {
    ...summarizeProject(project),
    id: Number(project.id),
    platforms: project.platform === null ? [] : [project.platform.split('-')[0]],
    hasHealthData: includeHealth,
    newGroups,
    ...(includeHealth ? { healthData: HEALTH } : {}),
  }
}

const HEALTH: Json = {
  durationP50: 84.2,
  durationP90: 310.5,
  crashFreeUsers: 99.1,
  crashFreeSessions: 98.7,
  totalUsers: 412,
  totalUsers24h: 97,
  totalProjectUsers24h: 120,
  totalSessions: 1630,
  totalSessions24h: 388,
  totalProjectSessions24h: 455,
  adoption: 80.8,
  sessionsAdoption: 85.3,
  sessionsCrashed: 21,
  sessionsErrored: 64,
  hasHealthData: true,
  stats: {},
}

/** `package@1.2.3` in its parts. */
function describeVersion(version: string): Json {
  const [name = '', number = ''] = version.split('@')
  const [major = 0, minor = 0, patch = 0] = number.split('.').map(Number)
  return {
    package: name,
    version: { raw: number, major, minor, patch, pre: null, buildCode: null, components: 3 },
    description: number,
    buildHash: null,
  }
}

export function showCommit(release: Release): Json {
  const { commit, dateCreated } = release
  return {
    id: commit.id,
    message: commit.message,
    dateCreated,
    author: showAuthor(release),
    repository: {
      id: '8101',
      name: commit.repository,
      url: `https://github.example/${commit.repository}`,
      provider: { id: 'integrations:github', name: 'GitHub' },
      status: 'active',
      dateCreated,
      integrationId: '301',
      externalSlug: commit.repository,
      externalId: '98101',
    },
    pullRequest: null,
    suspectCommitType: '',
    releases: [
      {
        version: release.version,
        shortVersion: release.version,
        ref: commit.id,
        url: null,
        dateReleased: dateCreated,
        dateCreated,
      },
    ],
  }
}

function showAuthor({ commit }: Release): Json {
  return { name: commit.author, email: AUTHOR_EMAIL }
}

export function showDeploy(release: Release): Json {
  return {
    id: `${release.id}1`,
    environment: release.environment,
    name: release.version,
    url: null,
    dateStarted: new Date(release.dateCreated.getTime() + 15 * 60_000),
    dateFinished: new Date(release.dateCreated.getTime() + 20 * 60_000),
  }
}
