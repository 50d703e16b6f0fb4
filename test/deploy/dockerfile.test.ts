import { readFileSync } from 'node:fs'
import { test } from 'tap'

function read(file: string): string {
  return readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
}

const dockerfile = read('Dockerfile')

test('the image has the Node.js version of the tests', (t) => {
  const { devDependencies } = JSON.parse(read('package.json'))
  const tags = dockerfile.matchAll(/\bnode:([\d.]+)-slim\b/g)
  t.same(new Set([...tags].map(([, version]) => version)), new Set([devDependencies.node]))
  t.end()
})

test('the image copies exactly what .dockerignore allows', (t) => {
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, files = '']) =>
    files.split(' '),
  )
  const [first, ...allowed] = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  t.equal(first, '*')
  t.same(new Set(allowed), new Set(copied.map((file) => `!${file}`)))
  t.end()
})
