import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'tap'

/** The constructions that CONTRIBUTING.md asks to avoid, and what to write in their place. */
const BANNED: Record<string, RegExp> = {
  'name the actor or the thing': /\b(?:who|what)(?:so)?ever\b/i,
  'name the actor': /(?<!['"`/])\b(?:nobody|somebody|anybody)\b(?!['"`])/i,
  'say what it is not: "is not a JWT"':
    /(?<!\b(?:there|here) )\b(?:is|are|was|were) no (?!longer\b|such\b|more\b|less\b|fewer\b|other\b|later\b|earlier\b|different\b|better\b|worse\b|one\b)[a-z]+/i,
  'say what it is not': /\b(?:that|which|what) (?:is|are|was|were) none\b/i,
  'say "is malformed"': /\bof (?:its|their|that|this) form\b/i,
  'say what causes it, or leave it out': /\bby (?:itself|themselves)\b/i,
  'say "again" or "new"': /\banew\b/i,
  'say "timeout", with its unit': /patience/i,
}

/** In code an HTTP response is called a response. */
const IDENTIFIER = /\w*answer\w*/i

const ROOT = new URL('../', import.meta.url)
const FOLDERS = ['commands', 'plugins', 'routes', 'lib', 'test', 'bench', 'docs', 'deploy', '.github']
const SELF = 'test/words.test.ts'

const files = [
  ...readdirSync(ROOT),
  ...FOLDERS.flatMap((folder) =>
    readdirSync(new URL(folder, ROOT), { recursive: true }).map((name) => `${folder}/${name}`),
  ),
].filter((file) => /\.(?:ts|cjs|md)$/.test(file) && !file.includes('node_modules') && file !== SELF)

test('code and documents are written in the plain words of CONTRIBUTING.md', async (t) => {
  t.ok(files.length > 300, 'there are files to read')
  let count = 0
  for (const file of files) {
    const findings = findBanned(file)
    count += findings.length
    if (findings.length > 0) t.comment([file, ...findings.map((finding) => `  ${finding}`)].join('\n'))
  }
  t.equal(count, 0, 'banned constructions')
})

/** A line for each finding: where it is, what it is, and what to write in its place. */
function findBanned(file: string): string[] {
  const text = readFileSync(new URL(file, ROOT), 'utf8')
  const isMarkdown = file.endsWith('.md')
  const prose = (isMarkdown ? text.replace(/`[^`\n]*`/g, '') : text).split('\n').flatMap((line, index) =>
    Object.entries(BANNED).flatMap(([advice, pattern]) => {
      const match = pattern.exec(line)?.[0]
      return match === undefined ? [] : [`${index + 1}: ${match}: ${advice}`]
    }),
  )
  if (isMarkdown) return prose
  const identifiers = stripTexts(text)
    .split('\n')
    .flatMap((line, index) => {
      const match = IDENTIFIER.exec(line)?.[0]
      return match === undefined ? [] : [`${index + 1}: ${match}: an identifier says "response"`]
    })
  return [...prose, ...identifiers]
}

/** Code without comments, texts and patterns, on the same lines; what templates insert is kept. */
function stripTexts(code: string): string {
  return code.replace(
    /\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`|(?<=[[(,:=] ?)\/(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/gm,
    (text) => {
      const inserted = text.startsWith('`') ? (text.match(/\$\{[^}]*\}/g) ?? []) : []
      return [...inserted, '\n'.repeat(text.split('\n').length - 1)].join(' ')
    },
  )
}
