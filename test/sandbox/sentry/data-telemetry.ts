import type { Issue, Project } from './data.ts'
import { createEvents, type EventTemplate } from './data-events.ts'
import { createIssue, frame, fromException, HOUR } from './data-issue.ts'

const SDK = { name: 'sentry.javascript.node', version: '10.4.0' }

/** A buoy whose connection drops now and then. */
export function createTelemetryIssues(project: Project, now: number): Issue[] {
  const reset: EventTemplate = {
    ...fromException('node', 'sendBatch(src/uplink)', {
      type: 'Error',
      value: 'read ECONNRESET',
      mechanism: 'generic',
      handled: true,
      frames: [
        frame('node:internal/stream_base_commons', 'onStreamRead', 216, false),
        frame('src/uplink.js', 'sendBatch', 63, true),
      ],
    }),
    sdk: SDK,
    tags: {
      environment: 'production',
      release: 'telemetry@0.9.3',
      level: 'warning',
      handled: 'yes',
      server_name: 'buoy-17',
    },
  }
  const events = createEvents('TELEMETRY-1', reset, [25, 4 * HOUR, 13 * HOUR], now)
  return [createIssue(project, '73001', 'TELEMETRY-1', events, { level: 'warning', priority: 'medium' })]
}
