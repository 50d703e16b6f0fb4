import { test } from 'tap'
import { readRun, runInputs } from './run-inputs.ts'

test('malformed input to MCP', async (t) => {
  await runInputs(t, 'mcp', readRun(process.env))
})
