import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'tap'

const ROOT = new URL('../../', import.meta.url)
const SCRIPTS = /\b(?:npm|pnpm)(?: run)?(?: --?[\w-]+)* ([a-z][\w:-]*)/g

/** The commands of npm itself. */
const NPM_COMMANDS = ['ci', 'install', 'run', 'view', 'pack', 'audit', 'outdated', 'ls']

const documents = [
  ...['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md'],
  ...list('docs').filter((file) => file.endsWith('.md')),
]

test('every npm command in a document is a script of package.json', async (t) => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const known = new Set([...Object.keys(scripts), ...NPM_COMMANDS])
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
  t.ok(count > 5, `${count} commands`)
})

test('every file and heading that a document links to exists', async (t) => {
  let [links, anchors] = [0, 0]
  for (const file of documents) {
    const targets = [...read(file).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, link = '']) => link)
    links += targets.length
    for (const link of targets) {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? file : decodeURI(new URL(path, new URL(file, ROOT)).pathname)
      const content = read(target.replace(ROOT.pathname, ''))
      if (anchor === undefined) continue
      anchors += 1
      t.ok(findAnchors(content).includes(anchor), `${file}: ${link}`)
    }
  }
  t.ok(links > 50, `${links} links`)
  t.ok(anchors > 10, `${anchors} anchors`)
})

test('docs/troubleshooting.md quotes messages that the service has', async (t) => {
  const sources = [...['lib', 'routes', 'plugins'].flatMap(list), 'server.ts']
    .filter((file) => /\.(ts|cjs)$/.test(file))
    .map((file) => unquote(read(file)))
  const [ours = ''] = read('docs/troubleshooting.md').split(/^## Messages of Sentry/m)
  const texts = [...ours.matchAll(/^\| ([^|]*) \|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text),
  )
  t.ok(texts.length > 50)
  // The variable part of a message is an ellipsis there, and an expression in the code.
  const pieces = (text: string) => text.split('…').map((piece) => piece.trim())
  const missing = texts.filter(
    (text) => !sources.some((source) => pieces(text).every((piece) => source.includes(piece))),
  )
  t.same(missing, [])
})

test('docs/authorization.md lists the advisories that test titles name, with their tests', async (t) => {
  const rows = [...read('docs/authorization.md').matchAll(/^\| ([^|]*) \| [^|]* \| `(test\/[^`]*)` \|$/gm)]
  t.ok(rows.length > 30)
  for (const [, ids = '', file = ''] of rows) {
    const content = read(file)
    for (const id of ids.split(', ')) {
      // Several issues of a project name it once: `project#1, #2`.
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
