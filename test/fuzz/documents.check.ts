import { test } from 'tap'
import { readRun, runInputs } from './run-inputs.ts'

test('malformed CIMD documents', async (t) => {
  await runInputs(t, 'documents', readRun(process.env))
})
