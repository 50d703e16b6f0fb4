import type { ClientKey, Organization, Project, Repository, Team } from './data.ts'
import type { Place } from './place.ts'
import type { ReleaseBehaviour } from './releases.ts'
import { findLatestVersion, type Json, LETTER_AVATAR, pickColor } from './views.ts'

/** What the views of organizations and projects depend on beside the data. */
export interface ViewContext {
  release: ReleaseBehaviour
  place: Place
  /** `http://127.0.0.1:port` */
  origin: string
}

const ACCESS = [
  'org:read',
  'project:read',
  'project:write',
  'team:read',
  'team:write',
  'event:read',
  'event:write',
]

export function showOrganization(organization: Organization, { place, origin }: ViewContext): Json {
  const { id, slug, name, dateCreated } = organization
  return {
    id,
    slug,
    name,
    dateCreated,
    status: { id: 'active', name: 'active' },
    isEarlyAdopter: false,
    require2FA: false,
    avatar: LETTER_AVATAR,
    features: ['open-membership', 'issue-views', 'performance-view', 'session-replay', 'uptime'],
    extraOptions: {},
    access: ACCESS,
    onboardingTasks: [],
    links: {
      organizationUrl: place.getOrganizationUrl(organization, origin),
      regionUrl: place.getRegionUrl(organization),
    },
    hasAuthProvider: false,
    allowMemberInvite: true,
    allowMemberProjectCreation: true,
    allowSuperuserAccess: false,
  }
}

export function showTeam({ id, slug, name, dateCreated }: Team): Json {
  return {
    id,
    slug,
    name,
    dateCreated,
    isMember: true,
    teamRole: 'admin',
    flags: { 'idp:provisioned': false },
    access: ACCESS,
    hasAccess: true,
    isPending: false,
    memberCount: 3,
    avatar: LETTER_AVATAR,
  }
}

/** A team with its projects, as the list of an organization has it. */
export function showTeamWithProjects(team: Team, projects: readonly Project[], context: ViewContext): Json {
  const own = projects.filter(({ teams }) => teams.includes(team))
  return {
    ...showTeam(team),
    externalTeams: [],
    projects: own.map((project) => showProject(project, context)),
  }
}

/** What every view of a project has: its flags tell which of its data a tool may ask for. */
function showFlags({ id, slug, name, platform, dateCreated, has }: Project, { release }: ViewContext): Json {
  return {
    id,
    slug,
    name,
    platform,
    dateCreated,
    isBookmarked: false,
    isMember: true,
    features: ['alert-filters', 'minidump', 'race-free-group-creation', 'similarity-indexing', 'releases'],
    firstEvent: dateCreated,
    firstTransactionEvent: has.spans,
    access: ACCESS,
    hasAccess: true,
    hasFeedbacks: false,
    hasFlags: false,
    hasMinifiedStackTrace: false,
    hasMonitors: has.monitors,
    hasNewFeedbacks: false,
    hasProfiles: has.profiles,
    hasReplays: has.replays,
    hasSessions: false,
    hasInsightsHttp: has.spans,
    hasInsightsDb: has.spans,
    hasInsightsAssets: false,
    hasInsightsAppStart: false,
    hasInsightsScreenLoad: false,
    hasInsightsVitals: false,
    hasInsightsCaches: false,
    hasInsightsQueues: false,
    hasInsightsAgentMonitoring: has.conversations,
    hasInsightsMCP: false,
    ...(release.has('hasLogs of a project') ? { hasLogs: has.logs } : {}),
    ...(release.has('hasTraceMetrics of a project') ? { hasTraceMetrics: has.metrics } : {}),
  }
}

/** A project as other objects contain it. */
export function showProject(project: Project, context: ViewContext): Json {
  return {
    ...showFlags(project, context),
    isInternal: false,
    isPublic: false,
    avatar: LETTER_AVATAR,
    color: pickColor(project.slug),
    status: 'active',
  }
}

/** A project in the list of its organization, and as the response to its creation. */
export function showListedProject(project: Project, organization: Organization, context: ViewContext): Json {
  const teams = project.teams.map(summarizeTeam)
  const version = findLatestVersion(organization, project)
  return {
    ...showFlags(project, context),
    team: teams[0] ?? null,
    teams,
    platforms: project.platform === null ? [] : [project.platform],
    hasUserReports: false,
    environments: ['production', 'staging'],
    latestRelease: version === undefined ? null : { version },
    latestDeploys: null,
  }
}

/** A project with its teams, as the routes that change them respond. */
export function showProjectTeams(project: Project, context: ViewContext): Json {
  const teams = project.teams.map(summarizeTeam)
  return { ...showProject(project, context), ...(teams[0] === undefined ? {} : { team: teams[0] }), teams }
}

/** A project with all its settings. */
export function showProjectDetails(project: Project, organization: Organization, context: ViewContext): Json {
  const version = findLatestVersion(organization, project)
  return {
    ...showProjectTeams(project, context),
    latestRelease: version === undefined ? null : { version },
    options: {
      'sentry:csp_ignored_sources_defaults': true,
      'sentry:reprocessing_active': false,
      'filters:blacklisted_ips': '',
      'filters:error_messages': '',
      'feedback:branding': true,
      'quotas:spike-protection-disabled': false,
    },
    digestsMinDelay: 300,
    digestsMaxDelay: 1800,
    subjectPrefix: '',
    allowedDomains: ['*'],
    resolveAge: 0,
    dataScrubber: true,
    dataScrubberDefaults: true,
    safeFields: [],
    storeCrashReports: null,
    sensitiveFields: ['card'],
    subjectTemplate: '$shortID - $title',
    securityToken: project.keys[0]?.secret ?? '',
    securityTokenHeader: null,
    verifySSL: false,
    scrubIPAddresses: false,
    scrapeJavaScript: true,
    enableAutoReleaseCreation: true,
    highlightTags: ['handled', 'level', 'release', 'environment'],
    highlightContext: {},
    highlightPreset: { tags: ['handled', 'level'], context: { user: ['email'] } },
    groupingConfig: 'newstyle:2023-01-11',
    derivedGroupingEnhancements: '',
    groupingEnhancements: '',
    secondaryGroupingExpiry: 0,
    secondaryGroupingConfig: null,
    fingerprintingRules: '',
    organization: showOrganization(organization, context),
    platforms: project.platform === null ? [] : [project.platform],
    processingIssues: 0,
    defaultEnvironment: 'production',
    relayPiiConfig: null,
    builtinSymbolSources: ['ios', 'microsoft', 'android'],
    dynamicSamplingBiases: [{ id: 'boostLatestRelease', active: true }],
    symbolSources: '[]',
    isDynamicallySampled: false,
    tempestFetchScreenshots: false,
    autofixAutomationTuning: 'off',
    seerScannerAutomation: false,
    seerNightshiftTweaks: null,
    scmSourceContextEnabled: false,
    debugFilesRole: null,
  }
}

function summarizeTeam({ id, slug, name }: Team): Json {
  return { id, slug, name }
}

export function showClientKey(key: ClientKey, project: Project, { release, origin }: ViewContext): Json {
  const { host } = new URL(origin)
  const dsn = `http://${key.id}@${host}/${project.id}`
  const endpoint = (name: string) => `http://${host}/api/${project.id}/${name}/?sentry_key=${key.id}`
  return {
    id: key.id,
    name: key.name,
    label: key.name,
    public: key.id,
    secret: key.secret,
    projectId: Number(project.id),
    isActive: key.isActive,
    rateLimit: key.rateLimit,
    dsn: {
      public: dsn,
      secret: dsn.replace('@', `:${key.secret}@`),
      csp: endpoint('csp-report'),
      security: endpoint('security'),
      minidump: endpoint('minidump'),
      nel: endpoint('nel'),
      unreal: `http://${host}/api/${project.id}/unreal/${key.id}/`,
      crons: `http://${host}/api/${project.id}/cron/___MONITOR_SLUG___/${key.id}/`,
      cdn: `http://${host}/js-sdk-loader/${key.id}.min.js`,
      playstation: endpoint('playstation'),
      integration: `http://${host}/api/${project.id}/integration/`,
      otlp_traces: `http://${host}/api/${project.id}/integration/otlp/v1/traces`,
      otlp_logs: `http://${host}/api/${project.id}/integration/otlp/v1/logs`,
    },
    browserSdkVersion: key.browserSdkVersion,
    browserSdk: { choices: ['10.x', '9.x', '8.x'].map((version) => [version, version]) },
    dateCreated: key.dateCreated,
    dynamicSdkLoaderOptions: {
      hasReplay: key.loader.hasReplay,
      hasPerformance: key.loader.hasPerformance,
      hasDebug: key.loader.hasDebug,
      ...(release.has('newest loader options')
        ? { hasFeedback: key.loader.hasFeedback, hasLogsAndMetrics: key.loader.hasLogsAndMetrics }
        : {}),
    },
  }
}

export function showRepository(repository: Repository): Json {
  return {
    id: repository.id,
    name: repository.name,
    url: `https://github.example/${repository.name}`,
    provider: { id: 'integrations:github', name: 'GitHub' },
    status: 'active',
    dateCreated: repository.dateCreated,
    integrationId: '301',
    externalSlug: repository.name,
    externalId: `9${repository.id}`,
    settings: null,
  }
}
