import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { test } from 'tap'
import { parse } from 'yaml'
import { SETTINGS } from '../../lib/config/settings.ts'

interface Service {
  image: string
  ports?: string[]
  profiles?: string[]
  environment: Record<string, string>
  read_only: boolean
  cap_drop: string[]
  security_opt: string[]
  stop_grace_period: string
  depends_on: Record<string, { condition: string }>
  networks: { default: { aliases: string[] } }
}

const run = promisify(execFile)
const FILE = fileURLToPath(new URL('../../compose.yaml', import.meta.url))
const LINTER = fileURLToPath(new URL('../../node_modules/dclint/bin/dclint.cjs', import.meta.url))
// nginx listens on every address: clients connect to it.
const OPTIONS = ['--quiet', '--disable-rule', 'no-unbound-port-interfaces']

const services: Record<string, Service> = parse(readFileSync(FILE, 'utf8'), { merge: true }).services
const instances = Object.entries(services).filter(([name]) => name.startsWith('sentry-mcp'))

test('compose.yaml has nginx, Valkey and three instances', async (t) => {
  t.ok(services.nginx)
  t.ok(services.valkey)
  t.equal(instances.length, 3)
})

test('compose.yaml follows the Compose specification', async (t) => {
  await t.resolves(run(process.execPath, [LINTER, FILE, ...OPTIONS]))
})

test('every container is read-only and has no privileges', (t) => {
  for (const [name, service] of Object.entries(services)) {
    t.equal(service.read_only, true, name)
    t.same(service.cap_drop, ['ALL'], name)
    t.same(service.security_opt, ['no-new-privileges:true'], name)
  }
  t.end()
})

test('a missing required setting is named', (t) => {
  const required = Object.entries(SETTINGS).filter(([, setting]) => setting.required)
  t.equal(required.length, 6)
  for (const [name] of required)
    for (const [instance, { environment }] of instances)
      t.equal(environment[name], `\${${name}:?${name} is not set in .env}`, `${name} of ${instance}`)
  t.end()
})

test('three instances differ only in profile and port', (t) => {
  const [first, ...others] = instances.map(([, service]) => service)
  for (const { profiles, ...service } of others) {
    t.same(profiles, ['scale'])
    t.same({ ...service, ports: first?.ports }, first)
  }
  t.equal(others.length, 2)
  t.end()
})

test('an instance has time for SHUTDOWN_GRACE before it is killed', (t) => {
  for (const [name, { stop_grace_period: period }] of instances)
    t.ok(Number.parseInt(period, 10) > SETTINGS.SHUTDOWN_GRACE.default, name)
  t.end()
})

test('an instance starts when Valkey is healthy', (t) => {
  for (const [, { depends_on: dependsOn }] of instances)
    t.same(dependsOn, { valkey: { condition: 'service_healthy' } })
  t.end()
})

test('only nginx is reachable from other machines', (t) => {
  for (const [name, { ports = [] }] of Object.entries(services))
    if (name !== 'nginx')
      t.ok(
        ports.every((port) => port.startsWith('127.0.0.1:')),
        name,
      )
  t.equal(services.valkey?.ports, undefined)
  t.end()
})

test('nginx gets the variables of deploy/nginx.conf, and a name that all instances share', (t) => {
  const template = readFileSync(new URL('../../deploy/nginx.conf', import.meta.url), 'utf8')
  const environment = services.nginx?.environment ?? {}
  const variables = [...template.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => name)
  t.ok(variables.length > 0)
  for (const name of variables) t.type(environment[name], 'string', name)
  for (const [, { networks }] of instances) {
    t.match(environment.NGINX_UPSTREAM, `server ${networks.default.aliases[0]}:3000 resolve`)
  }
  t.end()
})
