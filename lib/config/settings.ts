import type { Client } from '../model/client.ts'
import { ACTIVE_SKILLS } from '../model/skills.ts'
import {
  listOf,
  oneOf,
  parseBaseUrl,
  parseBearerToken,
  parseBoolean,
  parseCertificate,
  parseCount,
  parseHost,
  parseHttpUrl,
  parseKeys,
  parseList,
  parsePatterns,
  parsePort,
  parsePrivateKey,
  parseProxies,
  parseProxyUrl,
  parseRedisUrl,
  parseScopes,
  parseSeconds,
  parseText,
} from './parsers.ts'
import { optional, optionalText, required } from './setting.ts'
import { parseStaticClients } from './static-clients.ts'
import { TELEMETRY_SETTINGS } from './telemetry-settings.ts'

const KEY_ADVICE = '32 characters or more; generate one with: openssl rand -base64 32'
const SENTRY_APPLICATION = 'of the OAuth application at SENTRY_HOST under /settings/account/api/applications/'

/**
 * Every setting of the service: what it is for, what it should be, and how its text becomes a value. The
 * messages about wrong settings, the table in the documentation and `.env.example` all follow this list.
 */
export const SETTINGS = {
  BASE_URL: required('The public URL of this server, as clients and browsers see it.', {
    expected: 'the public URL of this server, such as https://mcp.example.com',
    parse: parseBaseUrl,
  }),
  SENTRY_HOST: required('The host of the Sentry to sign in at.', {
    expected: 'the host name of your Sentry without a scheme, such as sentry.io or sentry.example.com',
    parse: parseHost,
  }),
  SENTRY_CLIENT_ID: required('The client id of the OAuth application at Sentry.', {
    expected: `the client id ${SENTRY_APPLICATION}`,
    parse: parseText,
  }),
  SENTRY_CLIENT_SECRET: required('The client secret of the OAuth application at Sentry.', {
    expected: `the client secret ${SENTRY_APPLICATION}`,
    secret: true,
    parse: parseText,
  }),
  ENCRYPTION_KEY: required(
    'Seals what is stored. A comma-separated list rolls keys: the first one seals, all open.',
    {
      expected: KEY_ADVICE,
      secret: true,
      parse: parseKeys,
    },
  ),
  JWT_SIGNING_KEY: required(
    'Signs tokens. A comma-separated list rolls keys: the first one signs, all verify.',
    {
      expected: KEY_ADVICE,
      secret: true,
      parse: parseKeys,
    },
  ),

  PORT: optional('The port to listen on.', 3000, { expected: 'a port from 0 to 65535', parse: parsePort }),
  HOST: optional('The address to listen on.', '0.0.0.0', { expected: 'an address', parse: parseText }),
  TRUST_PROXY: optional('The reverse proxies whose forwarding headers are believed.', [] as string[], {
    expected: 'addresses or CIDR ranges, such as 10.0.0.0/8,127.0.0.1',
    parse: parseProxies,
  }),
  LOG_LEVEL: optional('How much is logged; debug is verbose and still redacted.', 'info' as LogLevel, {
    expected: 'one of fatal, error, warn, info, debug, trace, silent',
    parse: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']),
  }),
  AUDIT_LOG: optional(
    'Where the audit log goes: into the ordinary log, or to AUDIT_FILE.',
    'stdout' as AuditLog,
    {
      expected: 'stdout or file',
      parse: oneOf(['stdout', 'file']),
    },
  ),
  AUDIT_FILE: optional('The file of the audit log.', undefined as string | undefined, {
    expected: 'the path of a file',
    parse: parseText,
  }),
  ...TELEMETRY_SETTINGS,
  SHUTDOWN_GRACE: optional(
    'How long the process takes at most to end after SIGTERM, in seconds; a fifth of it is for telling proxies.',
    25,
    {
      expected: 'a number of seconds from 1 to 3600',
      parse: parseSeconds(1, 3600),
    },
  ),

  STORE: optional(
    'Where state is kept; embedded is one SQLite file, for one process.',
    'redis' as StoreKind,
    {
      expected: 'redis or embedded',
      parse: oneOf(['redis', 'embedded']),
    },
  ),
  DATA_DIR: optional('The folder of the embedded store.', './data', {
    expected: 'a folder',
    parse: parseText,
  }),
  REDIS_URL: optional(
    'Redis or Valkey: one server, one that sentinels watch, or a cluster.',
    'redis://localhost:6379',
    {
      expected:
        'redis://host:6379, redis+sentinel://host:26379,host:26379/name or redis+cluster://host:6379,host:6379, or one that begins with rediss for TLS',
      secret: true,
      parse: parseRedisUrl,
    },
  ),
  REDIS_WAIT: optional(
    'Whether the service starts while Redis is away, and waits for it; without, it ends.',
    true,
    {
      expected: 'true or false',
      parse: parseBoolean,
    },
  ),
  REDIS_TLS: optional('TLS toward Redis; by default what the URL says.', undefined as boolean | undefined, {
    expected: 'true or false',
    parse: parseBoolean,
  }),
  REDIS_TLS_REJECT_UNAUTHORIZED: optional('Whether the certificate of Redis is verified.', true, {
    expected: 'true or false',
    parse: parseBoolean,
  }),
  REDIS_CA: optional(
    'The authorities that certificates of Redis come from.',
    undefined as string | undefined,
    {
      expected: 'certificates (PEM), or the path of a file that holds them',
      parse: parseCertificate,
    },
  ),
  REDIS_CLIENT_CERT: optional(
    'The certificate that Redis knows the service by.',
    undefined as string | undefined,
    {
      expected: 'a certificate (PEM), or the path of a file that holds it',
      parse: parseCertificate,
    },
  ),
  REDIS_CLIENT_KEY: optional('The private key of that certificate.', undefined as string | undefined, {
    expected: 'a private key without a passphrase (PEM), or the path of a file that holds it',
    secret: true,
    parse: parsePrivateKey,
  }),
  REDIS_SENTINEL_USERNAME: optionalText('The user at the sentinels, where they have users.'),
  REDIS_SENTINEL_PASSWORD: optionalText('The password of the sentinels, where they have one.', true),

  SENTRY_PROTOCOL: optional('How Sentry is reached; http only in an isolated network.', 'https' as Protocol, {
    expected: 'https or http',
    parse: oneOf(['https', 'http']),
  }),
  SENTRY_SCOPES: optional(
    'What is asked for at Sentry.',
    ['org:read', 'project:read', 'project:write', 'team:read', 'team:write', 'event:write'],
    { expected: 'Sentry scopes separated by commas, such as org:read,project:read', parse: parseScopes },
  ),
  ALLOWED_REDIRECT_URI_PATTERNS: optional('Where clients may send users back to.', ['*'], {
    expected: 'patterns separated by commas, such as http://localhost:*,https://*.example.com/callback',
    parse: parsePatterns,
  }),
  SENTRY_TOKEN_PASSTHROUGH: optional(
    "Accepts users' own Sentry tokens at /mcp, for machines without a browser.",
    false,
    {
      expected: 'true or false',
      parse: parseBoolean,
    },
  ),
  DCR: optional('Who may register a client: everybody, whoever has DCR_TOKEN, or nobody.', 'open' as Dcr, {
    expected: 'open, token or off',
    parse: oneOf(['open', 'token', 'off']),
  }),
  DCR_TOKEN: optional(
    'The token that lets a client register, with DCR=token.',
    undefined as string | undefined,
    {
      expected: KEY_ADVICE,
      secret: true,
      parse: parseBearerToken,
    },
  ),
  STATIC_CLIENTS: optional('Clients that need not register.', [] as Client[], {
    expected:
      'a JSON array of client metadata, such as [{"client_id":"…","client_secret":"…","redirect_uris":["https://…"]}]',
    secret: true,
    parse: parseStaticClients,
  }),
  CLIENT_ID_METADATA_DOCUMENTS: optional(
    'Whether clients may be known by the URL of a document; auto: where the server can reach out.',
    'auto' as DocumentMode,
    {
      expected: 'auto, true or false',
      parse: oneOf(['auto', 'true', 'false']),
    },
  ),
  ADVERTISE_ISS: optional('Whether metadata says that answers carry iss, which they always do.', true, {
    expected: 'true or false',
    parse: parseBoolean,
  }),
  ACCESS_TOKEN_TTL: optional('How long an access token holds, in seconds.', 3600, {
    expected: 'a number of seconds from 60 to 86400',
    parse: parseSeconds(60, 86_400),
  }),
  REFRESH_TOKEN_TTL: optional('How long an unused sign-in holds, in seconds.', 30 * 86_400, {
    expected: 'a number of seconds from 3600 to 31536000',
    parse: parseSeconds(3600, 31_536_000),
  }),
  GRANT_TTL: optional('How long a sign-in holds however much it is used, in seconds.', 365 * 86_400, {
    expected: 'a number of seconds from 3600 to 31536000',
    parse: parseSeconds(3600, 31_536_000),
  }),
  REFRESH_GRACE: optional('How long a refresh token just replaced is answered again, in seconds.', 120, {
    expected: 'a number of seconds from 0 to 3600',
    parse: parseSeconds(0, 3600),
  }),
  RATE_LIMIT_MCP: optional('MCP requests a minute and user; 0 is off.', 600, {
    expected: 'a whole number',
    parse: parseCount,
  }),
  RATE_LIMIT_OAUTH: optional('OAuth requests a minute and address; 0 is off.', 120, {
    expected: 'a whole number',
    parse: parseCount,
  }),

  TOOL_SURFACE: optional('Which tools are listed directly.', 'standard' as ToolSurface, {
    expected: 'standard, compact or full',
    parse: oneOf(['standard', 'compact', 'full']),
  }),
  READ_ONLY: optional('Takes away every tool that changes something.', false, {
    expected: 'true or false',
    parse: parseBoolean,
  }),
  DISABLED_SKILLS: optional('Skills nobody gets.', [] as string[], {
    expected: `skills separated by commas, out of ${ACTIVE_SKILLS.join(', ')}`,
    parse: listOf(ACTIVE_SKILLS),
  }),
  DISABLED_TOOLS: optional('Tools nobody gets.', [] as string[], {
    expected: 'names of tools separated by commas',
    parse: parseList,
  }),
  DEFAULT_SKILLS: optional('Skills preselected on the consent page.', [...ACTIVE_SKILLS] as string[], {
    expected: `skills separated by commas, out of ${ACTIVE_SKILLS.join(', ')}`,
    parse: listOf(ACTIVE_SKILLS),
  }),
  DIRECT_SEARCH: optional('Keeps the search tools without an AI provider: they take query syntax.', false, {
    expected: 'true or false',
    parse: parseBoolean,
  }),
  MCP_URL: optional('The documentation search.', 'https://mcp.sentry.dev', {
    expected: 'a URL that begins with https:// or http://',
    parse: parseHttpUrl,
  }),

  HTTPS_PROXY: optional('The proxy for requests to https addresses.', undefined as string | undefined, {
    expected: 'the URL of a proxy, such as http://proxy.example.com:3128',
    secret: true,
    alias: 'https_proxy',
    parse: parseProxyUrl,
  }),
  HTTP_PROXY: optional(
    'The proxy for requests to http addresses, and to https ones where HTTPS_PROXY is not set.',
    undefined as string | undefined,
    {
      expected: 'the URL of a proxy, such as http://proxy.example.com:3128',
      secret: true,
      alias: 'http_proxy',
      parse: parseProxyUrl,
    },
  ),
  NO_PROXY: optional('Hosts that are reached without a proxy.', [] as string[], {
    expected: 'hosts separated by commas, such as sentry.example.com,.internal.example.com',
    alias: 'no_proxy',
    parse: parseList,
  }),

  EMBEDDED_AGENT_PROVIDER: optional(
    'The AI provider, where keys of several are set.',
    undefined as Provider,
    {
      expected: 'openai, azure-openai, anthropic or openrouter',
      parse: oneOf(['openai', 'azure-openai', 'anthropic', 'openrouter']),
    },
  ),
  OPENAI_API_KEY: optionalText('Turns the AI-powered tools on, with OpenAI or a compatible endpoint.', true),
  OPENAI_BASE_URL: optional('An OpenAI-compatible endpoint.', undefined as string | undefined, {
    expected: 'a URL that begins with https:// or http://',
    parse: parseHttpUrl,
  }),
  OPENAI_MODEL: optionalText('The model at that endpoint.'),
  OPENAI_API_VERSION: optionalText('The API version of an Azure OpenAI endpoint.'),
  ANTHROPIC_API_KEY: optionalText('Turns the AI-powered tools on, with Anthropic.', true),
  ANTHROPIC_BASE_URL: optional('Another endpoint for Anthropic.', undefined as string | undefined, {
    expected: 'a URL that begins with https:// or http://',
    parse: parseHttpUrl,
  }),
  ANTHROPIC_MODEL: optionalText('The model at Anthropic.'),
  OPENROUTER_API_KEY: optionalText('Turns the AI-powered tools on, with OpenRouter.', true),
  OPENROUTER_MODEL: optionalText('The model at OpenRouter.'),
  OPENROUTER_REASONING_EFFORT: optionalText('The reasoning effort at OpenRouter.'),
}

export type Settings = { [Name in keyof typeof SETTINGS]: (typeof SETTINGS)[Name]['default'] }

type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent'
type StoreKind = 'redis' | 'embedded'
type Protocol = 'https' | 'http'
type AuditLog = 'stdout' | 'file'
type Dcr = 'open' | 'token' | 'off'
type DocumentMode = 'auto' | 'true' | 'false'
type ToolSurface = 'standard' | 'compact' | 'full'
type Provider = 'openai' | 'azure-openai' | 'anthropic' | 'openrouter' | undefined
