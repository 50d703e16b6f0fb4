/** What client programs call themselves, the more specific name first. */
const FAMILIES: readonly [name: RegExp, family: string][] = [
  [/^claude[ -]?code/i, 'claude-code'],
  [/^(claude|anthropic)/i, 'claude'],
  [/^(chatgpt|openai)/i, 'chatgpt'],
  [/^codex/i, 'codex'],
  [/^cursor/i, 'cursor'],
  [/copilot[ -]?cli/i, 'copilot-cli'],
  [/^(visual studio code|vs ?code)/i, 'vscode'],
  [/^gemini/i, 'gemini-cli'],
  [/^(windsurf|devin)/i, 'windsurf'],
  [/^zed/i, 'zed'],
  [/^open ?code/i, 'opencode'],
  [/jetbrains|^(intellij|pycharm|webstorm|goland|rider|phpstorm)/i, 'jetbrains'],
  [/^(cline|roo)/i, 'cline'],
  [/^goose/i, 'goose'],
  [/^warp/i, 'warp'],
  [/^amp\b/i, 'amp'],
  [/^mcp cli proxy|mcp-remote/i, 'mcp-remote'],
  [/inspector/i, 'inspector'],
  [/^sentry-bearer$/i, 'sentry-bearer'],
]

/** The program that a client says it is, as the value of a label: one of some twenty, or `other`. Nothing verifies it. */
export function findClientFamily(name: string): string {
  return FAMILIES.find(([pattern]) => pattern.test(name))?.[1] ?? 'other'
}
