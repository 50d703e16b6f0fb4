export type Revision = '2025-03-26' | '2025-06-18' | '2025-11-25' | '2026-07-28'

/** What is asked of this server in a scenario of the suite. */
export interface Scenario {
  name: string
  revisions: readonly Revision[]
  /** The checks it need not meet; what is not named here has to be met. */
  unmet?: readonly string[]
  /** Why it need not meet them. */
  because?: string
}

/** Scenarios that this server has no part in. */
export interface Exemption {
  names: readonly string[]
  because: string
}

/** Those that the suite has scenarios for servers in, oldest first. */
export const SERVER_REVISIONS: readonly Revision[] = ['2025-06-18', '2025-11-25', '2026-07-28']
export const AUTHORIZATION_REVISIONS: readonly Revision[] = ['2025-03-26', ...SERVER_REVISIONS]

const WITH_HANDSHAKE: readonly Revision[] = ['2025-06-18', '2025-11-25']
const SINCE_2025_11_25: readonly Revision[] = ['2025-11-25', '2026-07-28']
const SINCE_2026_07_28: readonly Revision[] = ['2026-07-28']

/** Asked of the service as it is, with Sentry's tools. */
export const SENTRY_SCENARIOS: readonly Scenario[] = [
  { name: 'server-initialize', revisions: WITH_HANDSHAKE },
  { name: 'ping', revisions: WITH_HANDSHAKE },
  { name: 'tools-list', revisions: SERVER_REVISIONS },
  { name: 'dns-rebinding-protection', revisions: SINCE_2025_11_25 },
  { name: 'http-header-validation', revisions: SINCE_2026_07_28 },
  {
    name: 'server-sse-multiple-streams',
    revisions: SINCE_2025_11_25,
    unmet: ['server-sse-multiple-streams-session'],
    because: 'Until 2025-11-25 it looks at the streams of a session, and there are no sessions.',
  },
  {
    name: 'sep-2164-resource-not-found',
    revisions: SINCE_2026_07_28,
    unmet: ['sep-2164-error-code', 'sep-2164-data-uri'],
    because: 'Both are only advised. There is no `resources/read`, so it is the method that is not found.',
  },
  {
    name: 'caching',
    revisions: SINCE_2026_07_28,
    unmet: [
      'sep-2549-prompts-list-caching-hints',
      'sep-2549-resources-list-caching-hints',
      'sep-2549-resources-templates-list-caching-hints',
    ],
    because: 'There are no prompts and no resources whose lists could be kept.',
  },
  { name: 'input-required-result-unsupported-methods', revisions: SINCE_2026_07_28 },
  { name: 'input-required-result-validate-input', revisions: SINCE_2026_07_28 },
]

/** Asked of the same service with tools that the suite calls in the place of Sentry's. */
export const DIAGNOSTIC_SCENARIOS: readonly Scenario[] = [
  { name: 'server-stateless', revisions: SINCE_2026_07_28 },
  { name: 'tools-call-simple-text', revisions: SERVER_REVISIONS },
  { name: 'tools-call-image', revisions: SERVER_REVISIONS },
  { name: 'tools-call-audio', revisions: SERVER_REVISIONS },
  { name: 'tools-call-embedded-resource', revisions: SERVER_REVISIONS },
  { name: 'tools-call-mixed-content', revisions: SERVER_REVISIONS },
  { name: 'tools-call-error', revisions: SERVER_REVISIONS },
  { name: 'tools-call-with-progress', revisions: SERVER_REVISIONS },
]

export const AUTHORIZATION_SCENARIOS: readonly Scenario[] = [
  { name: 'authorization-server-metadata-endpoint', revisions: AUTHORIZATION_REVISIONS },
  { name: 'authorization-code-grant', revisions: AUTHORIZATION_REVISIONS },
]

export const EXEMPTIONS: readonly Exemption[] = [
  {
    names: [
      'resources-list',
      'resources-read-text',
      'resources-read-binary',
      'resources-templates-read',
      'resources-subscribe',
      'resources-unsubscribe',
    ],
    because: 'The server offers tools and nothing else: it has no resources.',
  },
  {
    names: [
      'prompts-list',
      'prompts-get-simple',
      'prompts-get-with-args',
      'prompts-get-embedded-resource',
      'prompts-get-with-image',
      'completion-complete',
    ],
    because: 'It has no prompts, and nothing else whose arguments could be completed.',
  },
  {
    names: ['logging-set-level', 'tools-call-with-logging'],
    because: 'It sends no log to clients: what it logs is for the operator.',
  },
  {
    names: ['server-session-lifecycle', 'server-sse-polling'],
    because: 'It has no sessions, so there is none to end and no stream to resume.',
  },
  {
    names: [
      'tools-call-sampling',
      'tools-call-elicitation',
      'elicitation-sep1034-defaults',
      'elicitation-sep1330-enums',
    ],
    because: 'In these revisions a server asks its client something within a session, and there is none.',
  },
  {
    names: [
      'input-required-result-basic-elicitation',
      'input-required-result-basic-sampling',
      'input-required-result-basic-list-roots',
      'input-required-result-request-state',
      'input-required-result-multiple-input-requests',
      'input-required-result-multi-round',
      'input-required-result-missing-input-response',
      'input-required-result-non-tool-request',
      'input-required-result-result-type',
      'input-required-result-tampered-state',
      'input-required-result-capability-check',
      'input-required-result-ignore-extra-params',
    ],
    because: "None of Sentry's tools asks the client for something in the middle of a call.",
  },
  {
    names: ['http-custom-header-server-validation'],
    because: "None of Sentry's tools declares `x-mcp-header` for a parameter.",
  },
  {
    names: ['json-schema-2020-12'],
    because:
      "The scenario looks for keywords at the root of a schema that is written by hand. Those of Sentry's tools are made from Zod objects, which have none of them there.",
  },
]
