import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, extname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import ts from 'typescript'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** What no commit holds. */
const NOT_OURS = new Set(['node_modules', '.git', '.tap', 'data'])

/** The layers of the product, from top to bottom: imports go down. Nothing imports a command. */
const LAYERS = ['commands', 'server.ts', 'app.ts', 'plugins', 'routes', 'lib']

/** The rooms of `lib/`, from top to bottom. Rooms on one floor do not import each other. */
const FLOORS = [
  ['pages'],
  ['mcp'],
  ['oauth'],
  ['upstream'],
  ['telemetry'],
  ['store'],
  ['config'],
  ['net'],
  ['crypto', 'http'],
  ['model'],
  ['errors.ts'],
]

interface Import {
  file: string
  /** What is imported: a path in the project, or the name of a package. */
  target: string
  isPackage: boolean
  /** Whether it is gone at run time. */
  isTypeOnly: boolean
  /** Whether it is loaded only when it is come to: `import(…)`. */
  isDynamic: boolean
}

const files = listFiles(ROOT)
const product = files.filter((file) => findLayer(file) >= 0)
const imports = product.flatMap(listImports)

test('there is something to look at', async (t) => {
  for (const layer of LAYERS)
    t.ok(
      product.some((file) => file.startsWith(layer)),
      layer,
    )
  t.ok(imports.length > product.length)
})

test('imports go server → app → plugins → routes → lib, and never up', async (t) => {
  const upward = imports.filter(
    ({ file, target, isPackage }) => !isPackage && findLayer(target) < findLayer(file),
  )
  t.same(upward.map(describeImport), [])
})

test('every file of lib is in a room of the architecture', async (t) => {
  const homeless = product.filter((file) => file.startsWith('lib/') && findFloor(file) === -1)
  t.same(homeless, [])
})

test('the rooms of lib import downward only, types included', async (t) => {
  const wrong = imports.filter(({ file, target, isPackage }) => {
    if (isPackage || !file.startsWith('lib/') || !target.startsWith('lib/')) return false
    if (findRoom(file) === findRoom(target)) return false
    return findFloor(target) <= findFloor(file)
  })
  t.same(wrong.map(describeImport), [])
})

test('no files import each other in a circle, types included', async (t) => {
  t.same(findCycles(), [])
})

test('only config knows all settings: another room of lib declares those it needs', async (t) => {
  const knowing = imports.filter(
    ({ file, target }) =>
      file.startsWith('lib/') &&
      findRoom(file) !== 'config' &&
      ['lib/config/load.ts', 'lib/config/settings.ts'].includes(target),
  )
  t.same(knowing.map(describeImport), [])
})

test('the table of plugins in docs/architecture.md is what app.ts registers, in its order', async (t) => {
  const variables = [...read('app.ts').matchAll(/fastify\.register\((\w+)/g)].map(([, name]) => name)
  const files = variables.map(
    (name) => new RegExp(`import ${name}\\b.* from '\\./plugins/(.+)\\.ts'`).exec(read('app.ts'))?.[1],
  )
  const section = /### Plugins, in order\n([\s\S]*?)\n#/.exec(read('docs/architecture.md'))?.[1] ?? ''
  const documented = [...section.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name)
  t.ok(files.length > 15)
  t.same(documented, files)
})

test('plugins meet through decorators and dependencies, not through each other’s files', async (t) => {
  const between = imports.filter(({ file, target }) => isPlugin(file) && isPlugin(target))
  t.same(between.map(describeImport), [])
})

test('lib has no Fastify at run time', async (t) => {
  const loaded = imports.filter(
    ({ file, target, isTypeOnly }) => file.startsWith('lib/') && /^@?fastify\b/.test(target) && !isTypeOnly,
  )
  t.same(loaded.map(describeImport), [])
})

test('only the entries read the environment', async (t) => {
  const readers = product.filter((file) =>
    /\bprocess\s*(\?\.|\.|\[)\s*['"]?env\b|from 'node:process'/.test(read(file)),
  )
  const entries = ['command', 'dev-app', 'dev', 'doctor'].map((name) => `commands/${name}.ts`)
  t.same(readers.sort(), [...entries, 'server.ts'])
})

test('a plugin is named as its file is', async (t) => {
  for (const file of product.filter(isPlugin)) {
    t.match(read(file), `name: '${basename(file, '.ts')}'`, file)
  }
})

test('what runs imports only what is installed with it', async (t) => {
  const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> }
  const packages = imports
    .filter(({ isPackage, isTypeOnly, target }) => isPackage && !isTypeOnly && !target.startsWith('node:'))
    .filter(
      ({ target }) =>
        !Object.keys(dependencies).some((name) => target === name || target.startsWith(`${name}/`)),
    )
  t.same(packages.map(describeImport), [])
})

test('what only watches is not loaded before it is switched on', async (t) => {
  const watching = /^(@prometheus-io|@opentelemetry|@sentry)\b/
  const importers = imports.filter(({ target, isTypeOnly }) => watching.test(target) && !isTypeOnly)
  t.ok(importers.length > 5)
  const loaded = collectLoaded('app.ts')
  t.ok(loaded.has('plugins/metrics.ts'))
  t.same(importers.filter(({ file, isDynamic }) => !isDynamic && loaded.has(file)).map(describeImport), [])
})

test('no file of code is longer than 400 lines', async (t) => {
  const long = files.filter(isCode).filter((file) => read(file).split('\n').length > 401)
  t.same(long, [])
})

test('files and folders of code are named in kebab-case', async (t) => {
  const name = /^[a-z0-9]+(-[a-z0-9]+)*$/
  const odd = files
    .filter(isCode)
    .filter(
      (file) =>
        ![...dirname(file).split('/'), getStem(file)].every((part) => part === '.' || name.test(part)),
    )
  t.same(odd, [])
})

test('no file holds the markers of a merge', async (t) => {
  const marker = /^(?:<{7}|>{7}) /m
  t.same(
    files.filter((file) => /\.(?:[cm]?[jt]s|md|ya?ml|json|sh)$/.test(file) && marker.test(read(file))),
    [],
  )
})

test('no file names a package registry: where packages come from is the machine’s own choice', async (t) => {
  const registry = /\b(registry\.(npmjs|yarnpkg|npmmirror)\.|npm\.pkg\.github|registry\.npm\.)/
  t.same(
    files.filter((file) => registry.test(read(file))),
    [],
  )
})

function listFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !NOT_OURS.has(name))
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      return entry.isDirectory() ? listFiles(path) : entry.isFile() ? [relative(ROOT, path)] : []
    })
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

function findLayer(file: string): number {
  return LAYERS.findIndex((layer) => file === layer || file.startsWith(`${layer}/`))
}

/** The room of a file of `lib/`; for a file that lies in `lib/` itself, its name. */
function findRoom(file: string): string | undefined {
  return file.split('/')[1]
}

function findFloor(file: string): number {
  return FLOORS.findIndex((rooms) => rooms.includes(findRoom(file) ?? ''))
}

/** Circles of imports, each as the files on it. */
function findCycles(): string[] {
  const done = new Set<string>()
  const cycles: string[] = []
  const visit = (file: string, path: string[]): void => {
    const start = path.indexOf(file)
    if (start >= 0) cycles.push([...path.slice(start), file].join(' → '))
    if (start >= 0 || done.has(file)) return
    const targets = imports.filter((found) => found.file === file && !found.isPackage)
    for (const { target } of targets) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of product) visit(file, [])
  return cycles
}

function isPlugin(file: string): boolean {
  return file.startsWith('plugins/')
}

function isCode(file: string): boolean {
  return /\.[cm]?[jt]s$/.test(file)
}

/** The name of a file without its ending and its kind: `x` of `x.test.ts`. */
function getStem(file: string): string {
  return basename(file, extname(file)).replace(/\.[a-z]+$/, '')
}

function listImports(file: string): Import[] {
  const found: Import[] = []
  const add = (specifier: ts.Expression | undefined, isTypeOnly: boolean, isDynamic = false) => {
    if (specifier === undefined || !ts.isStringLiteral(specifier)) return
    const { text } = specifier
    const isPackage = !text.startsWith('.')
    const target = isPackage ? text : join(dirname(file), text)
    found.push({ file, target, isPackage, isTypeOnly, isDynamic })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, isTypeImport(node.importClause))
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly)
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false, true)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(file, read(file), ts.ScriptTarget.Latest, true))
  return found
}

/** Every file that is loaded at once with this one. */
function collectLoaded(file: string, loaded = new Set<string>()): Set<string> {
  if (loaded.has(file)) return loaded
  loaded.add(file)
  for (const { file: importer, target, isPackage, isTypeOnly, isDynamic } of imports) {
    if (importer === file && !isPackage && !isTypeOnly && !isDynamic) collectLoaded(target, loaded)
  }
  return loaded
}

/** `import type …`; with `{ type X }` alone the module would still be loaded. */
function isTypeImport(clause: ts.ImportClause | undefined): boolean {
  return clause?.phaseModifier === ts.SyntaxKind.TypeKeyword
}

function describeImport({ file, target }: Import): string {
  return `${file} imports ${target}`
}
