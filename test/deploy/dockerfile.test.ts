import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import { readImageEnvironment } from '../support/image-environment.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

const dockerfile = read('Dockerfile')
const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, files = '']) =>
  files.split(' '),
)
const { dependencies, devDependencies } = JSON.parse(read('package.json'))

test('the image runs the Node.js that the tests run on', (t) => {
  const tags = dockerfile.matchAll(/\bnode:([\d.]+)-slim\b/g)
  t.same(new Set([...tags].map(([, version]) => version)), new Set([devDependencies.node]))
  t.end()
})

test('the systemd unit has the memory options of the image', (t) => {
  const unit = read('deploy/systemd/sentry-mcp.service')
  const options = readImageEnvironment(['NODE_OPTIONS', 'MALLOC_ARENA_MAX'])
  for (const [name, value] of Object.entries(options)) {
    const [, quoted, plain] =
      new RegExp(`^Environment=(?:"${name}=([^"]*)"|${name}=(\\S+))$`, 'm').exec(unit) ?? []
    t.equal(quoted ?? plain, value, name)
  }
  t.end()
})

test('what the image copies is what .dockerignore lets through, without the tests', (t) => {
  const [first, ...others] = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  t.equal(first, '*')
  const last = others.pop()
  t.equal(last, '**/*.test.ts')
  t.same(new Set(others), new Set(copied.map((file) => `!${file}`)))
  t.end()
})

// A service started by `docker run` has only what was copied: an import of anything else ends it at once.
test('the image has every file and package that the service, its commands and the demo import', (t) => {
  const programs = ['server.ts', ...readdirSync(join(ROOT, 'deploy/bin')).map(readProgramPath)]
  for (const [file, { packages }] of collectImports(programs)) {
    t.ok(
      copied.some((path) => file === path || file.startsWith(`${path}/`)),
      `${file} is copied`,
    )
    for (const name of packages) t.ok(name in dependencies, `${name}, which ${file} imports, is a dependency`)
  }
  t.end()
})

test('a command of the image is a program of this repository, and can be run', (t) => {
  t.same(readdirSync(join(ROOT, 'deploy/bin')), ['backup', 'demo', 'doctor', 'grants', 'reseal'])
  for (const name of readdirSync(join(ROOT, 'deploy/bin'))) {
    t.ok(existsSync(join(ROOT, readProgramPath(name))), name)
    t.ok(statSync(join(ROOT, 'deploy/bin', name)).mode & 0o111, `${name} is executable`)
  }
  t.end()
})

function readProgramPath(command: string): string {
  const [, path = ''] = /\/app\/(\S+\.ts) "\$@"$/m.exec(read(`deploy/bin/${command}`)) ?? []
  return path
}

interface Imports {
  files: string[]
  packages: string[]
}

/** What `programs` import, directly or not, by the paths of the importing files. Types are not loaded at run time. */
function collectImports(programs: readonly string[]): Map<string, Imports> {
  const found = new Map<string, Imports>()
  const open = [...programs]
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (found.has(path)) continue
    const imports = readImports(path)
    found.set(path, imports)
    open.push(...imports.files)
  }
  return found
}

function readImports(path: string): Imports {
  const imports: Imports = { files: [], packages: [] }
  const statements = read(path).matchAll(/^(?:import|export) (?!type\b)(?:[\w*\s{},]+ from )?'([^']+)'/gm)
  for (const [, from = ''] of statements) {
    if (from.startsWith('.')) imports.files.push(relative(ROOT, join(ROOT, dirname(path), from)))
    else if (!from.startsWith('node:')) imports.packages.push(readPackageName(from))
  }
  return imports
}

function readPackageName(from: string): string {
  return from
    .split('/')
    .slice(0, from.startsWith('@') ? 2 : 1)
    .join('/')
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}
