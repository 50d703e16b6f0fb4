import { test } from 'tap'
import { readRun, runInputs } from './run-inputs.ts'

test('malformed input to the endpoints up to the code', async (t) => {
  await runInputs(t, 'authorization', readRun(process.env))
})
