/** Whose words the result of a tool contains. */
type Origin =
  /**
   * Of people and programs outside the organization: events, issues, comments, feedback, replays, logs, traces and what
   * is derived from them. A public DSN is enough to write most of these, also releases, monitors of jobs and, by
   * Sentry's detection of hosts, uptime monitors. Snapshots are uploaded by builds, which also run for strangers' code.
   */
  | 'outside'
  /** Of the caller, of members who configure Sentry, of Sentry's documentation, or of this server. */
  | 'inside'

/** Every tool there is. A tool that is missing here counts as `outside`; a test compares the names with the tools. */
export const TOOL_ORIGINS: Readonly<Record<string, Origin>> = {
  whoami: 'inside',
  find_organizations: 'inside',
  find_teams: 'inside',
  find_projects: 'inside',
  find_releases: 'outside',
  get_release_details: 'outside',
  find_dashboards: 'inside',
  get_dashboard_details: 'inside',
  find_monitors: 'outside',
  get_monitor_details: 'outside',
  find_uptime_monitors: 'outside',
  get_uptime_monitor_details: 'outside',
  create_uptime_monitor: 'inside',
  update_uptime_monitor: 'outside',
  delete_uptime_monitor: 'outside',
  find_alert_rules: 'inside',
  get_alert_rule: 'inside',
  get_issue_details: 'outside',
  get_event_stacktrace: 'outside',
  get_issue_activity: 'outside',
  get_issue_breadcrumbs: 'outside',
  get_issue_user_reports: 'outside',
  get_issue_tag_values: 'outside',
  get_trace_details: 'outside',
  get_span_details: 'outside',
  get_replay_details: 'outside',
  get_event_attachment: 'outside',
  update_issue: 'outside',
  search_events: 'outside',
  create_team: 'inside',
  create_project: 'inside',
  update_project: 'inside',
  add_team_to_project: 'inside',
  remove_team_from_project: 'inside',
  create_dsn: 'inside',
  find_dsns: 'inside',
  update_dsn: 'inside',
  analyze_issue_with_seer: 'outside',
  search_docs: 'inside',
  get_doc: 'inside',
  search_issues: 'outside',
  search_issue_events: 'outside',
  get_profile: 'outside',
  get_profile_details: 'outside',
  get_sentry_resource: 'outside',
  get_snapshot: 'outside',
  get_snapshot_image: 'outside',
  get_latest_base_snapshot: 'outside',
  get_agent_conversation_details: 'outside',
  get_ai_conversation_details: 'outside',
  search_agent_conversations: 'outside',
  search_ai_conversations: 'outside',
  add_issue_note: 'outside',
  onboarding_status_update: 'inside',
  use_sentry: 'outside',
  search_sentry_tools: 'inside',
}

/** Whether results of a tool show data from outside. For a tool that executes another, name the other one. */
export function showsOutsideData(tool: string): boolean {
  return !Object.hasOwn(TOOL_ORIGINS, tool) || TOOL_ORIGINS[tool] === 'outside'
}
