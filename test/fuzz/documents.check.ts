import { test } from 'tap'
import { readRun, runInputs } from './run-inputs.ts'

test('bad input in documents of clients', async (t) => {
  await runInputs(t, 'documents', readRun(process.env))
})
