import { readFileSync } from 'node:fs'
import { test } from 'tap'
import { listVersions, readNotes } from '../../deploy/release/notes.ts'

const CHANGELOG = `# Changelog

What it is.

## Unreleased

- Later.

## 0.10.0 - 2027-01-02

- Ten.

### Upgrading

- A heading below stays.

## 0.1.0

- One.
`

test('the notes of a release are its section of the changelog, and nothing of another one', (t) => {
  t.equal(readNotes(CHANGELOG, '0.10.0'), '- Ten.\n\n### Upgrading\n\n- A heading below stays.')
  t.equal(readNotes(CHANGELOG, '0.1.0'), '- One.')
  t.same(listVersions(CHANGELOG), ['0.10.0', '0.1.0'])
  t.end()
})

test('a version without notes stops the release', (t) => {
  for (const version of ['0.1', '0.1.1', '10.0', ''])
    t.throws(() => readNotes(CHANGELOG, version), /no notes/, version)
  t.throws(() => readNotes('## 0.1.0\n\n\n## 0.0.9\n\n- Old.\n', '0.1.0'), /no notes of version 0\.1\.0/)
  t.end()
})

test('CHANGELOG.md has notes of the version of package.json', (t) => {
  const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
  t.ok(readNotes(read('CHANGELOG.md'), JSON.parse(read('package.json')).version))
  t.end()
})
