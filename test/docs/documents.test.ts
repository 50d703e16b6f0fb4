import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'tap'

const ROOT = new URL('../../', import.meta.url)
const SCRIPTS = /\b(?:npm|pnpm)(?: run)?(?: --?[\w-]+)* ([a-z][\w:-]*)/g

/** What npm does by itself, whatever the scripts are. */
const COMMANDS_OF_NPM = ['ci', 'install', 'run', 'view', 'pack', 'audit', 'outdated', 'ls']

const documents = [
  ...['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'],
  ...list('docs').filter((file) => file.endsWith('.md')),
]

test('every npm command in a document is a script of package.json', async (t) => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const known = new Set([...Object.keys(scripts), ...COMMANDS_OF_NPM])
  let count = 0
  for (const file of documents) {
    const code = [...read(file).matchAll(/```.*?```|`[^`]*`/gs)].map(([text]) => text).join('\n')
    const used = [...code.matchAll(SCRIPTS)].map(([, name = '']) => name)
    count += used.length
    t.same(
      used.filter((name) => !known.has(name)),
      [],
      file,
    )
  }
  t.ok(count > 5)
})

test('every file that a document links to is there, and so is the heading', async (t) => {
  for (const file of documents) {
    const links = [...read(file).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, link = '']) => link)
    for (const link of links) {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? file : decodeURI(new URL(path, new URL(file, ROOT)).pathname)
      const content = read(target.replace(ROOT.pathname, ''))
      if (anchor !== undefined) t.ok(findAnchors(content).includes(anchor), `${file}: ${link}`)
    }
  }
})

test('the texts of docs/troubleshooting.md are those that the service has', async (t) => {
  const sources = [...['lib', 'routes', 'plugins'].flatMap(list), 'server.ts']
    .filter((file) => /\.(ts|cjs)$/.test(file))
    .map((file) => unquote(read(file)))
  const [ours = ''] = read('docs/troubleshooting.md').split(/^## Messages of Sentry/m)
  const texts = [...ours.matchAll(/^\| ([^|]*) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text),
  )
  t.ok(texts.length > 50)
  // What differs from case to case is an ellipsis there, and an expression here.
  const pieces = (text: string) => text.split('…').map((piece) => piece.trim())
  const missing = texts.filter(
    (text) => !sources.some((source) => pieces(text).every((piece) => source.includes(piece))),
  )
  t.same(missing, [])
})

test('every advisory of docs/authorization.md is named at its test, and every one in a title is listed', async (t) => {
  const rows = [...read('docs/authorization.md').matchAll(/^\| ([^|]*) \| [^|]* \| `(test\/[^`]*)` \|$/gm)]
  t.ok(rows.length > 30)
  for (const [, ids = '', file = ''] of rows) {
    const content = read(file)
    for (const id of ids.split(', ')) {
      // Several of one project name it once: `project#1, #2`.
      const [project = '', number] = id.split(/(?=#)/)
      t.ok(content.includes(project) && content.includes(number ?? project), `${id} in ${file}`)
    }
  }
  const listed = rows.map(([, ids]) => ids).join()
  const titles = ['test/routes', 'test/plugins', 'test/lib']
    .flatMap(list)
    .flatMap((file) => (file.endsWith('.test.ts') ? (read(file).match(/^ *test\(.*$/gm) ?? []) : []))
  const named = titles.flatMap((title) => title.match(/(CVE|GHSA)-[\w-]+/g) ?? [])
  t.same(
    named.filter((id) => !listed.includes(id)),
    [],
  )
})

/** The files below a folder, by their paths from the root. */
function list(folder: string): string[] {
  return readdirSync(new URL(folder, ROOT), { recursive: true }).map((name) => `${folder}/${name}`)
}

function read(file: string): string {
  return readFileSync(new URL(file, ROOT), 'utf8')
}

/** GitHub's anchors. */
function findAnchors(markdown: string): string[] {
  const headings = [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading)
  return headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

function unquote(source: string): string {
  return source.replaceAll("\\'", "'")
}
