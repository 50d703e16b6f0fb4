import { type ApiCall, ApiResponse, type ApiRoute, findIssue, READ_EVENT } from './api-call.ts'
import type { Issue } from './data.ts'

/**
 * Seer's analysis of an issue. A run is `processing` for the first `polls` requests for its state and `completed`
 * from then on. To start one, Sentry asks for no more than to be allowed to read.
 */
export function createSeerRoutes(polls: number): ApiRoute[] {
  const path = '/organizations/:organization/issues/:issue/autofix/'
  return [
    {
      method: 'GET',
      path,
      scopes: READ_EVENT,
      handle: (call) => ({ autofix: describeRun(findIssue(call), polls) }),
    },
    { method: 'POST', path, scopes: READ_EVENT, handle: startRun },
  ]
}

function startRun(call: ApiCall): ApiResponse {
  const issue = findIssue(call)
  issue.seerRun ??= { id: Number(issue.id) + 800_000, startedAt: new Date(), polls: 0 }
  return new ApiResponse(202, { run_id: issue.seerRun.id, sentry_run_id: null })
}

function describeRun({ seerRun, diagnosis }: Issue, polls: number): unknown {
  if (seerRun === undefined) return null
  seerRun.polls += 1
  const isDone = seerRun.polls > polls
  const todo = (content: string) => ({ content, status: isDone ? 'completed' : 'in_progress' })
  const cause = {
    one_line_description: diagnosis?.cause ?? 'The stack trace alone does not tell the cause.',
    five_whys: diagnosis?.whys ?? [],
    reproduction_steps: diagnosis?.reproduction ?? [],
    relevant_repo: diagnosis?.repository ?? null,
  }
  const solution = diagnosis && { one_line_summary: diagnosis.solution, steps: diagnosis.steps }
  const artifacts = [
    { key: 'root_cause', reason: 'Root cause found', data: cause },
    ...(solution === undefined ? [] : [{ key: 'solution', reason: 'Solution planned', data: solution }]),
  ]
  return {
    run_id: seerRun.id,
    status: isDone ? 'completed' : 'processing',
    updated_at: new Date(),
    owner_user_id: null,
    pending_user_input: null,
    repo_pr_states: {},
    coding_agents: {},
    blocks: [
      {
        id: 'block-1',
        message: { role: 'assistant', content: 'Reading the stack trace and the code around it.' },
        timestamp: seerRun.startedAt,
        loading: !isDone,
        artifacts: isDone ? artifacts : [],
        todos: [todo('Find the root cause'), todo('Plan a solution')],
      },
    ],
  }
}
