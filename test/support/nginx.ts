import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { promisify } from 'node:util'
import { findFreePort } from './free-port.ts'
import { findInstalled, installOnDebian } from './installed-program.ts'
import type { Lifetime } from './lifetime.ts'

/** A real nginx in front of a test's instances, with deploy/nginx.conf. */
export interface Nginx {
  /** `https://localhost:port`; this process trusts its certificate from now on. */
  url: string
  /** `http://localhost:port` */
  plainUrl: string
  /** The certificate, PEM. */
  ca: string
  /** What `nginx -t` says of the configuration. */
  check(): Promise<string>
  readAccessLog(): string
  readErrorLog(): string
}

const run = promisify(execFile)
const TEMPLATE = new URL('../../deploy/nginx.conf', import.meta.url)
const SSO_TEMPLATE = new URL('../../deploy/nginx-sso.conf', import.meta.url)
/** The first location of the server with TLS. */
const FIRST_LOCATION = '  location = /mcp {\n'
const START_TIMEOUT_MS = 10_000
const TEMP_PATHS = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']

export interface NginxOptions {
  /** Ports on loopback at which the instances listen. */
  instances: number[]
  /** Where it listens itself; a free port by default. */
  port?: number
  /** The address of a single sign-on in front of the pages, by deploy/nginx-sso.conf. */
  sso?: string
}

/** Starts nginx on free loopback ports; it ends with the test. */
export async function startNginx(
  t: Lifetime,
  { instances, port: wanted, sso }: NginxOptions,
): Promise<Nginx> {
  const nginx = await findNginx()
  const port = wanted ?? (await findFreePort())
  const plainPort = await findFreePort()
  const directory = mkdtempSync(join(tmpdir(), 'sentry-mcp-nginx-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  // The workers of an nginx that root starts are not root.
  chmodSync(directory, 0o755)

  const ca = await createCertificate(directory)
  const upstream = instances
    .map((instance) => `server 127.0.0.1:${instance} max_fails=3 fail_timeout=1s;`)
    .join(' ')
  const configuration = renderTemplate(TEMPLATE, {
    NGINX_UPSTREAM: upstream,
    NGINX_SERVER_NAME: 'localhost',
    NGINX_HTTPS_PORT: `127.0.0.1:${port}`,
    NGINX_PORT_SUFFIX: `:${port}`,
    NGINX_HTTP_PORT: `127.0.0.1:${plainPort}`,
    NGINX_TLS: directory,
    NGINX_LOGS: directory,
  })
  const include = `  include ${join(directory, 'sentry-mcp-sso.conf')};\n`
  await writeFile(
    join(directory, 'sentry-mcp.conf'),
    sso === undefined ? configuration : configuration.replace(FIRST_LOCATION, include + FIRST_LOCATION),
  )
  if (sso !== undefined)
    await writeFile(join(directory, 'sentry-mcp-sso.conf'), renderTemplate(SSO_TEMPLATE, { NGINX_SSO: sso }))
  await writeFile(join(directory, 'nginx.conf'), createMainConfiguration(directory))

  const args = ['-p', directory, '-c', join(directory, 'nginx.conf'), '-e', join(directory, 'error.log')]
  const child = spawn(nginx, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const end = () => child.kill('SIGTERM')
  process.once('exit', end)
  t.teardown(async () => {
    process.off('exit', end)
    if (child.exitCode !== null) return
    end()
    await once(child, 'exit')
  })
  const failure = once(child, 'exit').then(() => {
    throw new Error('nginx ended; its output is above.')
  })
  // Its end is a failure only before it has started.
  failure.catch(() => undefined)
  await Promise.race([waitForPort(port), failure])
  setDefaultCACertificates([...getCACertificates('default'), ca])
  return {
    url: `https://localhost:${port}`,
    plainUrl: `http://localhost:${plainPort}`,
    ca,
    check: async () => (await run(nginx, ['-t', ...args])).stderr,
    readAccessLog: () => readFileSync(join(directory, 'access.log'), 'utf8'),
    readErrorLog: () => readFileSync(join(directory, 'error.log'), 'utf8'),
  }
}

/** What envsubst makes of the template in the official images. */
function renderTemplate(template: URL, values: Record<string, string>): string {
  return readFileSync(template, 'utf8').replaceAll(/\$\{(NGINX_\w+)\}/g, (_match, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`${template.pathname} uses ${name}, which the tests do not set.`)
    return value
  })
}

function createMainConfiguration(directory: string): string {
  const tempPaths = TEMP_PATHS.map((name) => `${name}_temp_path ${join(directory, name)};`)
  return [
    'daemon off;',
    'worker_processes 2;',
    `pid ${join(directory, 'nginx.pid')};`,
    `error_log ${join(directory, 'error.log')};`,
    'events { worker_connections 8192; }',
    `http { access_log off; ${tempPaths.join(' ')} include ${join(directory, 'sentry-mcp.conf')}; }`,
  ].join('\n')
}

async function createCertificate(directory: string): Promise<string> {
  const certificate = join(directory, 'tls.crt')
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc']
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  const files = ['-keyout', join(directory, 'tls.key'), '-out', certificate]
  await run('openssl', ['req', '-x509', '-days', '1', ...key, ...names, ...files])
  return readFileSync(certificate, 'utf8')
}

async function findNginx(): Promise<string> {
  const binary = findInstalled('nginx') ?? (await installOnDebian('nginx'))
  if (binary !== undefined) return binary
  throw new Error('The tests need a real nginx, 1.22 or newer: install nginx.')
}

async function waitForPort(port: number): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS
  while (!(await accepts(port))) {
    if (Date.now() > deadline) throw new Error(`nginx does not listen on port ${port}.`)
    await sleep(10)
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
