import { test } from 'tap'
import { readRun, runInputs } from './run-inputs.ts'

test('bad input at MCP', async (t) => {
  await runInputs(t, 'mcp', readRun(process.env))
})
