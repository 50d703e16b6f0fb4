interface SkillDescription {
  title: string
  description: string
  /** The skill needs one of these Sentry scopes; empty for a skill that only reads. */
  scopes: readonly string[]
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
  },
  seer: {
    title: 'Ask Seer',
    description: "Have Sentry's Seer analyze issues and suggest fixes.",
    scopes: [],
  },
  triage: {
    title: 'Work on issues',
    description: 'Resolve, assign, comment on and update issues.',
    scopes: ['event:write', 'event:admin'],
  },
  'project-management': {
    title: 'Manage projects and teams',
    description: 'Create and change projects, teams, client keys and uptime monitors.',
    scopes: ['project:write', 'project:admin', 'team:write', 'team:admin'],
  },
} as const satisfies Record<string, SkillDescription>

export type Skill = keyof typeof SKILLS

export const ACTIVE_SKILLS = Object.keys(SKILLS) as Skill[]
