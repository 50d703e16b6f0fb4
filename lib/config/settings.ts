import { ACTIVE_SKILLS } from '../model/skills.ts'
import * as kind from './kinds.ts'
import { optional, required, type Setting, withDefault } from './setting.ts'

const SENTRY_APPLICATION = 'of the OAuth application at SENTRY_HOST under /settings/account/api/applications/'
const YEAR = 365 * 86_400

const REQUIRED = {
  BASE_URL: required(
    kind.baseUrl,
    'The public URL of this server, as clients and browsers see it.',
    'http://localhost:3000',
  ),
  SENTRY_HOST: required(kind.sentryHost, 'The host of the Sentry at which users sign in.', 'sentry.io'),
  SENTRY_CLIENT_ID: required(
    { ...kind.credential, expected: `the client id ${SENTRY_APPLICATION}` },
    'The OAuth application at Sentry. Its redirect URI is BASE_URL followed by /oauth/callback.',
    '',
  ),
  SENTRY_CLIENT_SECRET: required(
    { ...kind.credential, secret: true, expected: `the client secret ${SENTRY_APPLICATION}` },
    'The client secret of the OAuth application at Sentry.',
    '',
  ),
  ENCRYPTION_KEY: required(
    kind.keys,
    'Encrypts stored tokens. Of several keys the first encrypts, all decrypt.',
  ),
  JWT_SIGNING_KEY: required(
    kind.keys,
    'Signs tokens and client ids. Of several keys the first signs, all verify.',
  ),
}

const HTTP_SERVER = {
  PORT: withDefault(kind.port, 3000, 'The port to listen on.'),
  HOST: withDefault({ ...kind.text, expected: 'an address' }, '0.0.0.0', 'The address to listen on.'),
  TRUST_PROXY: withDefault(
    kind.addressRanges,
    [],
    'The reverse proxies whose forwarding headers are trusted.',
  ),
  LOG_LEVEL: withDefault(
    kind.choice(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
    'info',
    'The log level; debug is verbose and still redacted.',
  ),
  SHUTDOWN_GRACE: withDefault(
    kind.seconds(1, 3600),
    25,
    'The time limit of a graceful shutdown, in seconds.',
  ),
}

const STORAGE = {
  STORE: withDefault(
    kind.choice(['redis', 'embedded']),
    'redis',
    'The store; embedded is one SQLite file, for one process.',
  ),
  DATA_DIR: withDefault(
    { ...kind.text, expected: 'a folder' },
    './data',
    'The folder of the embedded store.',
  ),
  REDIS_URL: withDefault(
    kind.redisUrl,
    'redis://localhost:6379',
    'Redis or Valkey: one server, Sentinel or a cluster.',
  ),
  REDIS_WAIT: withDefault(
    kind.flag,
    true,
    'Start while Redis is unavailable and wait for it; otherwise exit.',
  ),
  REDIS_TLS: optional(kind.flag, 'Use TLS to Redis. By default the URL decides.'),
  REDIS_TLS_REJECT_UNAUTHORIZED: withDefault(kind.flag, true, 'Verify the certificate of Redis.'),
  REDIS_CA: optional(kind.certificate, 'The certificate authorities that are trusted for Redis.'),
  REDIS_CLIENT_CERT: optional(kind.clientCertificate, 'The client certificate for Redis.'),
  REDIS_CLIENT_KEY: optional(kind.privateKey, 'The private key of REDIS_CLIENT_CERT.'),
  REDIS_SENTINEL_USERNAME: optional(kind.text, 'The user name at the sentinels, if they have users.'),
  REDIS_SENTINEL_PASSWORD: optional(kind.secret, 'The password of the sentinels, if they have one.'),
}

const SENTRY = {
  SENTRY_PROTOCOL: withDefault(
    kind.choice(['https', 'http']),
    'https',
    'The protocol to Sentry; http only in an isolated network.',
  ),
  SENTRY_PUBLIC_URL: optional(
    kind.sentryOrigin,
    'Where browsers reach Sentry, if this server reaches it at another address.',
  ),
  SENTRY_CUSTOM_HEADERS: optional(
    kind.customHeaders,
    'Headers of every request to Sentry, for an access proxy in front of it.',
  ),
  SENTRY_CLIENT_CERT: optional(
    kind.clientCertificate,
    'The client certificate for Sentry, where a proxy in front of it wants one (mutual TLS).',
  ),
  SENTRY_CLIENT_KEY: optional(kind.privateKey, 'The private key of SENTRY_CLIENT_CERT.'),
  SENTRY_SCOPES: withDefault(
    kind.scopes,
    ['org:read', 'project:read', 'project:write', 'team:read', 'team:write', 'event:write'],
    'The scopes that are requested from Sentry at sign-in. Those of existing sign-ins stay.',
  ),
}

const SIGN_IN = {
  ALLOWED_ORGANIZATIONS: withDefault(
    kind.organizations,
    [],
    'The organizations whose members may use this server; nothing else of Sentry can be reached. By default everyone with an account at SENTRY_HOST may.',
  ),
  ALLOWED_ORIGINS: withDefault(
    kind.origins,
    [],
    'The web sites whose pages may call this server as MCP clients.',
  ),
  ALLOWED_REDIRECT_URI_PATTERNS: withDefault(
    kind.redirectUriPatterns,
    ['*'],
    'The redirect URIs that clients may use.',
  ),
  DCR: withDefault(
    kind.choice(['open', 'token', 'off']),
    'open',
    'Dynamic client registration: open, with DCR_TOKEN, or off.',
  ),
  DCR_TOKEN: optional(kind.bearerToken, 'The bearer token for registration, with DCR=token.'),
  STATIC_CLIENTS: {
    ...withDefault(kind.staticClients, [], 'Clients that do not have to register.'),
    example: '[{"client_id":"gateway","redirect_uris":["https://gateway.example.com/callback"]}]',
  },
  CLIENT_ID_METADATA_DOCUMENTS: withDefault(
    kind.choice(['auto', 'true', 'false']),
    'auto',
    'Accept the URL of a metadata document as a client id (CIMD).',
  ),
  ADVERTISE_ISS: withDefault(kind.flag, true, 'Advertise RFC 9207 iss support; iss is sent in any case.'),
  SENTRY_TOKEN_PASSTHROUGH: withDefault(
    kind.flag,
    false,
    "Accept users' own Sentry tokens (Sentry-Bearer) at /mcp.",
  ),
  ACCESS_TOKEN_TTL: withDefault(
    kind.seconds(60, 86_400),
    3600,
    'The lifetime of an access token, in seconds.',
  ),
  REFRESH_TOKEN_TTL: withDefault(
    kind.seconds(3600, YEAR),
    30 * 86_400,
    'The lifetime of an unused grant, in seconds.',
  ),
  GRANT_TTL: withDefault(kind.seconds(3600, YEAR), YEAR, 'The lifetime of a grant, used or not, in seconds.'),
  REFRESH_GRACE: withDefault(
    kind.seconds(0, 3600),
    120,
    'The time a rotated refresh token still works, in seconds.',
  ),
  RATE_LIMIT_MCP: withDefault(kind.count, 600, 'MCP requests per minute and user; 0 turns the limit off.'),
  RATE_LIMIT_AI: withDefault(
    kind.count,
    30,
    'Runs of the AI provider per minute and user; 0 turns the limit off.',
  ),
  RATE_LIMIT_OAUTH: withDefault(
    kind.count,
    120,
    'Requests per minute, address and OAuth endpoint; 0 turns the limit off.',
  ),
}

const TOOLS = {
  SERVER_NAME: withDefault(
    kind.serverName,
    'sentry-mcp',
    'The name of this server for MCP clients. Give each of several instances another.',
  ),
  SERVER_TITLE: withDefault(kind.title, 'Sentry', 'The title that MCP clients show for this server.'),
  TOOL_SURFACE: withDefault(
    kind.choice(['standard', 'compact', 'full']),
    'standard',
    'The tools that are listed directly.',
  ),
  READ_ONLY: withDefault(kind.flag, false, 'Disable every tool that changes something.'),
  DISABLED_SKILLS: withDefault(
    kind.choices('skills', ACTIVE_SKILLS),
    [],
    'Skills that are disabled for all users.',
  ),
  DISABLED_TOOLS: withDefault(
    kind.list('names of tools separated by commas'),
    [],
    'Tools that are disabled for all users.',
  ),
  DEFAULT_SKILLS: withDefault(
    kind.choices('skills', ACTIVE_SKILLS),
    [...ACTIVE_SKILLS],
    'Skills that are preselected on the consent page.',
  ),
  DIRECT_SEARCH: withDefault(
    kind.flag,
    false,
    "Keep the search tools without an AI provider, for Sentry's query syntax.",
  ),
  MCP_URL: withDefault(kind.httpUrl, 'https://mcp.sentry.dev', 'The documentation search.'),
}

const AI_PROVIDER = {
  EMBEDDED_AGENT_PROVIDER: optional(
    kind.choice(['openai', 'azure-openai', 'anthropic', 'openrouter']),
    'The AI provider, if keys of several are set.',
  ),
  OPENAI_API_KEY: optional(
    kind.secret,
    'Enables the AI-powered tools, with OpenAI or a compatible endpoint.',
  ),
  OPENAI_BASE_URL: optional(kind.httpUrl, 'An OpenAI-compatible endpoint.'),
  OPENAI_MODEL: optional(kind.text, 'The model at that endpoint.'),
  OPENAI_API_VERSION: optional(kind.text, 'The API version of an Azure OpenAI endpoint.'),
  ANTHROPIC_API_KEY: optional(kind.secret, 'Enables the AI-powered tools, with Anthropic.'),
  ANTHROPIC_BASE_URL: optional(kind.httpUrl, 'Another endpoint for Anthropic.'),
  ANTHROPIC_MODEL: optional(kind.text, 'The model at Anthropic.'),
  OPENROUTER_API_KEY: optional(kind.secret, 'Enables the AI-powered tools, with OpenRouter.'),
  OPENROUTER_MODEL: optional(kind.text, 'The model at OpenRouter.'),
  OPENROUTER_REASONING_EFFORT: optional(kind.text, 'The reasoning effort at OpenRouter.'),
}

const OUTBOUND_PROXY = {
  HTTPS_PROXY: { ...optional(kind.proxyUrl, 'The proxy for requests to https URLs.'), alias: 'https_proxy' },
  HTTP_PROXY: {
    ...optional(kind.proxyUrl, 'The proxy for requests to http URLs, and to https URLs without HTTPS_PROXY.'),
    alias: 'http_proxy',
  },
  NO_PROXY: {
    ...withDefault(
      kind.list('hosts separated by commas, such as sentry.example.com,.internal.example.com'),
      [],
      'The hosts that are reached without a proxy.',
    ),
    alias: 'no_proxy',
  },
}

const AUDIT_LOG = {
  AUDIT_LOG: withDefault(
    kind.choice(['stdout', 'file']),
    'stdout',
    'The audit log goes to the ordinary log, or to AUDIT_FILE.',
  ),
  AUDIT_FILE: optional({ ...kind.text, expected: 'the path of a file' }, 'The file of the audit log.'),
}

const OBSERVABILITY = {
  METRICS_PORT: optional(
    { ...kind.port, expected: `${kind.port.expected} that is not PORT` },
    'The port of GET /metrics for Prometheus. Without it there are no metrics.',
  ),
  SENTRY_DSN: optional(kind.dsn, "The project that receives this server's own errors."),
  SENTRY_ENVIRONMENT: withDefault(kind.text, 'production', 'The environment of error reports.'),
  SENTRY_RELEASE: optional(
    kind.text,
    'The release of error reports; by default name and version of this server.',
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: optional(
    { ...kind.httpUrl, expected: 'the URL of an OTLP/HTTP endpoint, such as http://localhost:4318' },
    'The endpoint for traces, without the path /v1/traces.',
  ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: optional(kind.otlpTracesUrl, 'The endpoint for traces, with the path.'),
  OTEL_EXPORTER_OTLP_PROTOCOL: withDefault(
    kind.choice(['http/protobuf', 'http/json']),
    'http/protobuf',
    'The encoding of traces. gRPC is not supported.',
  ),
  OTEL_EXPORTER_OTLP_HEADERS: optional(kind.otlpHeaders, 'Headers of the requests that carry traces.'),
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: optional(kind.otlpHeaders, 'More such headers, which take precedence.'),
  OTEL_SERVICE_NAME: withDefault(kind.text, 'sentry-mcp', 'The service name of traces.'),
  OTEL_SDK_DISABLED: withDefault(kind.flag, false, 'Disable traces, even if an endpoint is set.'),
}

/** The settings under the headings of the documents. */
export const SETTING_GROUPS: Record<string, Record<string, Setting<unknown>>> = {
  Required: REQUIRED,
  'HTTP server': HTTP_SERVER,
  Storage: STORAGE,
  Sentry: SENTRY,
  'Sign-in': SIGN_IN,
  Tools: TOOLS,
  'AI provider': AI_PROVIDER,
  'Outbound proxy': OUTBOUND_PROXY,
  'Audit log': AUDIT_LOG,
  Observability: OBSERVABILITY,
}

/** Every setting of the service, by the name of its environment variable. */
export const SETTINGS = {
  ...{ ...REQUIRED, ...HTTP_SERVER, ...STORAGE, ...SENTRY, ...SIGN_IN },
  ...{ ...TOOLS, ...AI_PROVIDER, ...OUTBOUND_PROXY, ...AUDIT_LOG, ...OBSERVABILITY },
}

export type Settings = { [Name in keyof typeof SETTINGS]: ReturnType<(typeof SETTINGS)[Name]['parse']> }
