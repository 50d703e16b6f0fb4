import { test } from 'tap'
import { readRun, runInputs } from './run-inputs.ts'

test('bad input about codes and tokens', async (t) => {
  await runInputs(t, 'tokens', readRun(process.env))
})
