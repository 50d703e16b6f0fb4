import {
  oneOf,
  parseBoolean,
  parseDsn,
  parseHeaders,
  parseHttpUrl,
  parsePort,
  parseText,
  parseTracesUrl,
} from './parsers.ts'
import { optional, type Setting } from './setting.ts'

/** Where metrics, error reports and traces go. Nothing of them is on by default. */
export const TELEMETRY_SETTINGS = {
  METRICS_PORT: optional('The port of /metrics for Prometheus.', undefined as number | undefined, {
    expected: 'a port from 0 to 65535 that is not PORT',
    parse: parsePort,
  }),
  SENTRY_DSN: optional("Where this server's own errors are reported.", undefined as string | undefined, {
    expected: 'the DSN of a project, such as https://key@sentry.example.com/1',
    secret: true,
    parse: parseDsn,
  }),
  SENTRY_ENVIRONMENT: optional('The environment that errors are reported under.', 'production', {
    expected: 'text',
    parse: parseText,
  }),
  SENTRY_RELEASE: optional(
    'The release that errors are reported under; by default name and version of this server.',
    undefined as string | undefined,
    { expected: 'text', parse: parseText },
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: optional(
    'Where traces go, without the path /v1/traces.',
    undefined as string | undefined,
    { expected: 'the URL of an OTLP/HTTP endpoint, such as http://localhost:4318', parse: parseHttpUrl },
  ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: optional(
    'Where traces go, with the path.',
    undefined as string | undefined,
    { expected: 'a URL, such as http://localhost:4318/v1/traces', parse: parseTracesUrl },
  ),
  OTEL_EXPORTER_OTLP_PROTOCOL: optional('How traces are written.', 'http/protobuf' as OtlpProtocol, {
    expected: 'http/protobuf or http/json; gRPC is not supported',
    parse: oneOf(['http/protobuf', 'http/json']),
  }),
  OTEL_EXPORTER_OTLP_HEADERS: optionalHeaders('Headers of the requests that carry traces.'),
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: optionalHeaders('The same; of both, this one wins.'),
  OTEL_SERVICE_NAME: optional('The name that traces come under.', 'sentry-mcp', {
    expected: 'text',
    parse: parseText,
  }),
  OTEL_SDK_DISABLED: optional('Turns traces off, whatever else is set.', false, {
    expected: 'true or false',
    parse: parseBoolean,
  }),
}

type OtlpProtocol = 'http/protobuf' | 'http/json'

/** As OpenTelemetry writes them: pairs separated by commas, values percent-encoded. */
function optionalHeaders(purpose: string): Setting<Record<string, string> | undefined> {
  return optional(purpose, undefined as Record<string, string> | undefined, {
    expected: 'pairs such as authorization=Bearer%20…,x-scope=mcp',
    secret: true,
    parse: parseHeaders,
  })
}
