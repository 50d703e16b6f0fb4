import {
  AUTHORIZATION_SCENARIOS,
  DIAGNOSTIC_SCENARIOS,
  EXEMPTIONS,
  type Revision,
  type Scenario,
  SENTRY_SCENARIOS,
} from './scenarios.ts'
import type { Check, Results } from './suite.ts'

/** The result of a scenario in one revision. */
export interface Outcome {
  scenario: Scenario
  revision: Revision
  /** How many checks were met. */
  met: number
  /** The ids of those that were not. */
  unmet: readonly string[]
}

/** The results of a run, and a sentence for each that was not expected. */
export interface Assessment {
  outcomes: readonly Outcome[]
  faults: readonly string[]
}

/** Part of every scenario: each response has the shape that the revision demands. */
const SHAPE_CHECK = 'wire-schema-valid'

/** How many characters of the suite's message are shown: some messages repeat whole responses. */
const MAX_DETAIL = 200

const SCENARIOS = [...SENTRY_SCENARIOS, ...DIAGNOSTIC_SCENARIOS, ...AUTHORIZATION_SCENARIOS]
const ASKED = new Set(SCENARIOS.map(({ name }) => name))
const EXEMPT = new Set(EXEMPTIONS.flatMap(({ names }) => names))

/**
 * Compares the results of a run with what is expected. Faults are an unmet check, a met check that is listed as unmet, a
 * scenario that did not run, and one that tested nothing.
 */
export function assess(results: Results, scenarios: readonly Scenario[], revision: Revision): Assessment {
  const asked = scenarios.filter(({ revisions }) => revisions.includes(revision))
  const assessed = asked.map((scenario) =>
    assessScenario(scenario, results.get(scenario.name) ?? [], revision),
  )
  return {
    outcomes: assessed.map(({ outcome }) => outcome),
    faults: assessed.flatMap(({ faults }) => faults),
  }
}

function assessScenario(scenario: Scenario, checks: readonly Check[], revision: Revision) {
  const { name, unmet: excused = [] } = scenario
  const met = checks.filter(({ status }) => status === 'SUCCESS')
  const unmet = checks.filter(isUnmet)
  const faults = [
    ...unmet
      .filter(({ id }) => !excused.includes(id))
      .map(({ id, errorMessage = '' }) => `${id} is not met: ${errorMessage.slice(0, MAX_DETAIL)}`),
    ...met
      .filter(({ id }) => excused.includes(id))
      .map(({ id }) => `${id} is met, and need not be excused any more`),
    ...(unmet.length === 0 && !isConclusive(checks) ? ['nothing was tested'] : []),
  ]
  return {
    outcome: { scenario, revision, met: met.length, unmet: unmet.map(({ id }) => id) },
    faults: faults.map((fault) => `${name}, ${revision}: ${fault}`),
  }
}

/** Scenarios without an expectation, and exempt ones that pass. */
export function findUnexpected(results: Results, revision: Revision): readonly string[] {
  return [...results].flatMap(([name, checks]) => {
    if (ASKED.has(name)) return []
    if (!EXEMPT.has(name)) return [`${name}, ${revision}: it is neither asked for nor exempt`]
    return isConclusive(checks) && !checks.some(isUnmet)
      ? [`${name}, ${revision}: it is exempt and passes`]
      : []
  })
}

function isUnmet({ status }: Check): boolean {
  return status === 'FAILURE' || status === 'WARNING'
}

function isConclusive(checks: readonly Check[]): boolean {
  return checks.some(({ id, status }) => status === 'SUCCESS' && id !== SHAPE_CHECK)
}
