import { setTimeout as sleep } from 'node:timers/promises'
import { inputRequired } from '@modelcontextprotocol/server'
import type { SentryTool, ToolRegistry } from '../../lib/mcp/core/types.ts'
import { makePng } from '../sandbox/sentry/png.ts'

/** A header of 44 bytes, and no samples. */
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA='

/** Between two reports of progress. */
const INTERVAL_MS = 50

const text = (words: string) => ({ type: 'text', text: words })
const image = { type: 'image', data: makePng(4, 4).toString('base64'), mimeType: 'image/png' }

const handlers: Record<string, SentryTool['handler']> = {
  test_simple_text: async () => 'Plain text, and nothing else.',
  test_image_content: async () => [image],
  test_audio_content: async () => [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }],
  test_embedded_resource: async () => [createResource('test://embedded', 'text/plain', 'An embedded text.')],
  test_multiple_content_types: async () => [
    text('A text, an image and a resource.'),
    image,
    createResource('test://mixed', 'application/json', '{"mixed":true}'),
  ],
  test_error_handling: async () => {
    throw new Error('This tool always fails.')
  },
  test_tool_with_progress: async (_params, { reportProgress }) => {
    for (const progress of [0, 50, 100]) {
      reportProgress(progress, 100)
      await sleep(INTERVAL_MS)
    }
    return 'Done.'
  },
  test_logging_tool: async () => 'Logs go to the operator.',
  test_missing_capability: async () =>
    askClient({
      sample: inputRequired.createMessage({
        messages: [{ role: 'user', content: { type: 'text', text: 'What is a sample?' } }],
        maxTokens: 10,
      }),
    }),
  test_streaming_elicitation: async () =>
    askClient({
      name: inputRequired.elicit({
        message: 'What is your name?',
        requestedSchema: { type: 'object', properties: { name: { type: 'string' } } },
      }),
    }),
}

/** The tools that the suite calls by name. They replace Sentry's. */
export const DIAGNOSTIC_TOOLS: ToolRegistry = Object.fromEntries(
  Object.entries(handlers).map(([name, handler]) => [name, createTool(name, handler)]),
)

function createTool(name: string, handler: SentryTool['handler']): SentryTool {
  return {
    name,
    description: `Returns what the conformance suite expects of ${name}.`,
    skills: ['inspect'],
    requiredScopes: [],
    inputSchema: {},
    annotations: { readOnlyHint: true },
    handler,
  }
}

function createResource(uri: string, mimeType: string, content: string) {
  return { type: 'resource', resource: { uri, mimeType, text: content } }
}

/** A result that asks the client for input (MCP 2026-07-28, multi round-trip requests); Sentry's tools have none. */
function askClient(inputRequests: Parameters<typeof inputRequired>[0]['inputRequests']) {
  return { content: [], ...inputRequired({ inputRequests }) }
}
