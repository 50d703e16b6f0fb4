import { test } from 'tap'
import { readRun, runInputs } from './run-inputs.ts'

test('malformed input to the token endpoints', async (t) => {
  await runInputs(t, 'tokens', readRun(process.env))
})
