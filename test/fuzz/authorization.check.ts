import { test } from 'tap'
import { readRun, runInputs } from './run-inputs.ts'

test('bad input until a client has its code', async (t) => {
  await runInputs(t, 'authorization', readRun(process.env))
})
