import { test } from 'tap'
import { findClientFamily } from '../../../lib/telemetry/client-family.ts'

test('a client is counted as the program that its name begins with, any other name as one', async (t) => {
  const expected = {
    'Claude Code (sentry)': 'claude-code',
    Claude: 'claude',
    'Visual Studio Code': 'vscode',
    'GitHub Copilot CLI': 'copilot-cli',
    'MCP CLI Proxy': 'mcp-remote',
    'MCP Inspector': 'inspector',
    'Gemini CLI MCP Client': 'gemini-cli',
    'IntelliJ IDEA': 'jetbrains',
    'Ampersand tools': 'other',
    'made up 4711': 'other',
  }
  for (const [name, family] of Object.entries(expected)) t.equal(findClientFamily(name), family, name)
})
