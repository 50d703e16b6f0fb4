import {
  AUTHORIZATION_SCENARIOS,
  DIAGNOSTIC_SCENARIOS,
  EXEMPTIONS,
  type Revision,
  type Scenario,
  SENTRY_SCENARIOS,
} from './scenarios.ts'
import type { Check, Results } from './suite.ts'

/** How a scenario came out in one revision. */
export interface Outcome {
  scenario: Scenario
  revision: Revision
  /** How many checks were met. */
  met: number
  /** The ids of those that were not. */
  unmet: readonly string[]
}

/** The outcomes of a run, and what of them nobody expected, a sentence each. */
export interface Judgement {
  outcomes: readonly Outcome[]
  faults: readonly string[]
}

/** Every scenario has it: the answers had the shape that the revision wants, whatever they were. */
const SHAPE_CHECK = 'wire-schema-valid'

/** How much of what the suite says about a check is shown, in characters: some of it repeats whole answers. */
const MAX_DETAIL = 200

const SCENARIOS = [...SENTRY_SCENARIOS, ...DIAGNOSTIC_SCENARIOS, ...AUTHORIZATION_SCENARIOS]
const ASKED = new Set(SCENARIOS.map(({ name }) => name))
const EXEMPT = new Set(EXEMPTIONS.flatMap(({ names }) => names))

/**
 * Holds what a run found against what is asked. A check that is not met is a fault, and so is one that is met
 * although it is named as unmet, a scenario that did not run, and one that tested nothing.
 */
export function judge(results: Results, scenarios: readonly Scenario[], revision: Revision): Judgement {
  const asked = scenarios.filter(({ revisions }) => revisions.includes(revision))
  const judged = asked.map((scenario) => judgeScenario(scenario, results.get(scenario.name) ?? [], revision))
  return {
    outcomes: judged.map(({ outcome }) => outcome),
    faults: judged.flatMap(({ faults }) => faults),
  }
}

function judgeScenario(scenario: Scenario, checks: readonly Check[], revision: Revision) {
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
    ...(unmet.length === 0 && !isTelling(checks) ? ['nothing was tested'] : []),
  ]
  return {
    outcome: { scenario, revision, met: met.length, unmet: unmet.map(({ id }) => id) },
    faults: faults.map((fault) => `${name}, ${revision}: ${fault}`),
  }
}

/** Scenarios that nothing is said about, and those that are exempt and yet pass. */
export function findUnforeseen(results: Results, revision: Revision): readonly string[] {
  return [...results].flatMap(([name, checks]) => {
    if (ASKED.has(name)) return []
    if (!EXEMPT.has(name)) return [`${name}, ${revision}: it is neither asked for nor exempt`]
    return isTelling(checks) && !checks.some(isUnmet) ? [`${name}, ${revision}: it is exempt and passes`] : []
  })
}

function isUnmet({ status }: Check): boolean {
  return status === 'FAILURE' || status === 'WARNING'
}

function isTelling(checks: readonly Check[]): boolean {
  return checks.some(({ id, status }) => status === 'SUCCESS' && id !== SHAPE_CHECK)
}
