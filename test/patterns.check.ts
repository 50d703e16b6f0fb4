import { globSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import ts from 'typescript'
import { type AttackString, listAttackStrings, writeAttack } from './support/attack-strings.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Patterns that see only settings, keys and installed code may take longer. */
const INSIDE_ONLY = ['lib/config/', 'lib/store/keys.ts', 'lib/mcp/core/load.ts', 'lib/mcp/tools/describe.ts']

/** A text of the length of a path or header; a quadratic pattern takes a hundred times as long as a linear one. */
const LENGTH = 4_096

/** CPU time from which a pattern is measured in doubled lengths. */
const SUSPICIOUS_MS = 1.5

/** From `LENGTH` to four times as much, linear time becomes four times as long and quadratic time sixteen times. */
const MAX_GROWTH = 9

interface Place {
  file: string
  pattern: RegExp
}

const places = globSync(['{lib,plugins,routes}/**/*.ts', '*.ts'], { cwd: ROOT }).flatMap(findPatterns)

test('every pattern for outside input takes linear time (CWE-1333; doubled inputs)', async (t) => {
  const outside = places.filter(({ file }) => !INSIDE_ONLY.some((inside) => file.startsWith(inside)))
  t.ok(outside.length > 50, `${outside.length} patterns`)
  for (const { file, pattern } of outside) {
    const attack = findExpensive(pattern)
    t.equal(attack === undefined ? '' : JSON.stringify(attack), '', `${file} ${pattern}`)
  }
})

test('patterns are written as literals, where they are found', async (t) => {
  const built = globSync(['{lib,plugins,routes}/**/*.ts', '*.ts'], { cwd: ROOT }).filter((file) =>
    /\bRegExp\(|\bpattern: ['"`]/.test(readFileSync(`${ROOT}/${file}`, 'utf8')),
  )
  t.same(
    built.toSorted(),
    [
      'lib/crypto/hash.ts',
      'lib/mcp/tools/describe.ts',
      'lib/mcp/tools/result-size.ts',
      'lib/oauth/clients/cimd-document.ts',
      'lib/upstream/compatibility/shortcomings.ts',
      'lib/upstream/required-action.ts',
      'lib/upstream/visible-text.ts',
    ],
    'classes, numbers, names of parameters, paths, and visible-text.ts, whose own test doubles inputs',
  )
})

test('the search finds patterns that are known to be super-linear', async (t) => {
  const known = [
    /\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g,
    /\/+$/,
    /^([\w!-]+)\s*=\s*(.*)$/,
    /^(a+)+$/,
    /(?:x|\s)*,\s*$/,
    /"(?:\\.|[^"])*"/,
  ]
  for (const pattern of known) t.not(findExpensive(pattern), undefined, String(pattern))
})

/** A text on which the time of the pattern grows faster than the text. */
function findExpensive(pattern: RegExp): AttackString | undefined {
  return listAttackStrings(pattern).find((attack) => {
    // An exponential pattern would not come back from a long text.
    for (const length of [24, 32, 48, 64, 128, 512, LENGTH]) {
      const text = writeAttack(attack, length)
      if (measure(pattern, text) < SUSPICIOUS_MS) continue
      if (length < LENGTH) return measureBest(pattern, text) > SUSPICIOUS_MS
      const [short, long] = [text, writeAttack(attack, 4 * LENGTH)].map((one) => measureBest(pattern, one))
      return (long ?? 0) / (short ?? 1) > MAX_GROWTH
    }
    return false
  })
}

/** The least CPU time of three, in ms: other programs only make it longer. */
function measureBest(pattern: RegExp, text: string): number {
  return Math.min(...[1, 2, 3].map(() => measure(pattern, text)))
}

function measure(pattern: RegExp, text: string): number {
  const before = process.threadCpuUsage()
  text.replace(pattern, '')
  const { user, system } = process.threadCpuUsage(before)
  return (user + system) / 1_000
}

function findPatterns(file: string): Place[] {
  const source = ts.createSourceFile(file, readFileSync(`${ROOT}/${file}`, 'utf8'), ts.ScriptTarget.Latest)
  const found: Place[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isRegularExpressionLiteral(node)) {
      const end = node.text.lastIndexOf('/')
      found.push({ file, pattern: new RegExp(node.text.slice(1, end), node.text.slice(end + 1)) })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}
