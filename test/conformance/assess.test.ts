import { test } from 'tap'
import { assess, findUnexpected } from './assess.ts'
import type { Scenario } from './scenarios.ts'
import type { Check } from './suite.ts'

const REVISION = '2025-11-25'
const shape: Check = { id: 'wire-schema-valid', status: 'SUCCESS' }
const met: Check = { id: 'a', status: 'SUCCESS' }
const failed: Check = { id: 'b', status: 'FAILURE', errorMessage: 'broken' }
const advised: Check = { id: 'b', status: 'WARNING', errorMessage: 'broken' }
const skipped: Check = { id: 'a', status: 'SKIPPED' }

const plain: Scenario = { name: 'ping', revisions: [REVISION] }
const excused: Scenario = { ...plain, unmet: ['b'], because: 'There is no b.' }

function findFaults(scenario: Scenario, checks: readonly Check[]): readonly string[] {
  return assess(new Map([[scenario.name, checks]]), [scenario], REVISION).faults
}

test('an unmet check is a fault unless it is listed as unmet, warnings included', async (t) => {
  t.same(findFaults(plain, [shape, met]), [])
  for (const check of [failed, advised]) {
    t.same(findFaults(plain, [shape, met, check]), ['ping, 2025-11-25: b is not met: broken'])
    t.same(findFaults(excused, [shape, met, check]), [])
  }
})

test('a met check that is listed as unmet is a fault', async (t) => {
  t.match(findFaults(excused, [shape, { id: 'b', status: 'SUCCESS' }]), [/b is met/])
})

test('a scenario that did not run, or tested nothing, is a fault', async (t) => {
  t.match(findFaults(plain, [shape, skipped]), [/nothing was tested/])
  t.match(assess(new Map(), [plain], REVISION).faults, [/nothing was tested/])
  t.same(assess(new Map(), [plain], '2026-07-28').faults, [], 'that revision does not have it')
})

test('a scenario without an expectation and an exempt one that passes are faults', async (t) => {
  const find = (name: string, ...checks: Check[]) => findUnexpected(new Map([[name, checks]]), REVISION)
  t.match(find('new-scenario', shape, met), [/neither asked for nor exempt/])
  t.match(find('prompts-list', shape, met), [/exempt and passes/])
  t.same(find('prompts-list', shape, failed), [])
  t.same(find('ping', shape, failed), [], 'its expectation is elsewhere')
})
