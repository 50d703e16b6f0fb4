interface SkillDescription {
  title: string
  description: string
  /** The skill needs one of these Sentry scopes; empty for a skill that only reads. */
  scopes: readonly string[]
  /** The scopes that its tools need at Sentry. A test compares them with mcp-core's. */
  needs: readonly string[]
  /** Whether it promises nothing that changes something, so that it can be offered with READ_ONLY. */
  onlyReads: boolean
}

/**
 * The skills a user can grant, in the order of the consent page. mcp-core assigns every tool to one or more of them;
 * a test compares the names with mcp-core's.
 */
export const SKILLS = {
  inspect: {
    title: 'Look at issues, events and projects',
    description:
      'Read issues, events, traces, releases, monitors and project settings, and search documentation.',
    scopes: [],
    needs: ['org:read', 'project:read', 'team:read', 'event:read'],
    onlyReads: true,
  },
  seer: {
    title: 'Ask Seer',
    description: "Have Sentry's Seer analyze issues and suggest fixes.",
    scopes: [],
    needs: ['org:read', 'project:read', 'event:read'],
    onlyReads: false,
  },
  triage: {
    title: 'Work on issues',
    description: 'Resolve, assign, comment on and update issues.',
    scopes: ['event:write', 'event:admin'],
    needs: ['org:read', 'project:read', 'team:read', 'event:read', 'event:write'],
    onlyReads: false,
  },
  'project-management': {
    title: 'Manage projects and teams',
    description: 'Create and change projects, teams, client keys and uptime monitors.',
    scopes: ['project:write', 'project:admin', 'team:write', 'team:admin'],
    needs: ['org:read', 'project:read', 'project:write', 'team:read', 'team:write'],
    onlyReads: false,
  },
} as const satisfies Record<string, SkillDescription>

export type Skill = keyof typeof SKILLS

export const ACTIVE_SKILLS = Object.keys(SKILLS) as Skill[]
