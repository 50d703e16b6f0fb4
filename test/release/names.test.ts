import { test } from 'tap'
import { nameRelease } from '../../deploy/release/names.ts'

const SOURCE = {
  image: 'ghcr.io/Example-Org/sentry-mcp-self-hosted',
  owner: 'Example-Org',
  ref: 'refs/tags/v0.1.0',
  version: '0.1.0',
  gitTags: ['v0.1.0', ''],
}

test('the first version has the tags 0.1.0, 0.1, 0, latest and edge', (t) => {
  t.same(nameRelease(SOURCE).tags, ['0.1.0', '0.1', '0', 'latest', 'edge'])
  t.end()
})

// OCI distribution: a repository name is lower case. The MCP registry compares the owner as GitHub writes it.
test('image and charts follow one variable, in lower case; the name in the registry follows the owner', (t) => {
  t.match(nameRelease(SOURCE), {
    image: 'ghcr.io/example-org/sentry-mcp-self-hosted',
    charts: 'ghcr.io/example-org/charts',
    serverName: 'io.github.Example-Org/sentry-mcp-self-hosted',
    version: '0.1.0',
  })
  t.end()
})

test('a fix for an older line leaves the tags of newer ones where they are', (t) => {
  const name = (version: string, ...others: string[]) =>
    nameRelease({ ...SOURCE, version, ref: `refs/tags/v${version}`, gitTags: [`v${version}`, ...others] })
      .tags
  t.same(name('0.1.1', 'v0.1.0', 'v0.2.0'), ['0.1.1', '0.1'])
  t.same(name('0.1.9', 'v0.1.10'), ['0.1.9'])
  t.same(name('0.10.0', 'v0.9.0'), ['0.10.0', '0.10', '0', 'latest', 'edge'])
  t.same(name('1.4.2', 'v1.4.1', 'v2.0.0'), ['1.4.2', '1.4', '1'])
  t.end()
})

test('a pre-release moves no tag, and no later release waits for it', (t) => {
  const pre = nameRelease({ ...SOURCE, version: '0.2.0-rc.1', ref: 'refs/tags/v0.2.0-rc.1' })
  t.same(pre.tags, ['0.2.0-rc.1'])
  const fix = { ...SOURCE, version: '0.1.1', ref: 'refs/tags/v0.1.1', gitTags: ['v0.1.1', 'v0.2.0-rc.1'] }
  t.same(nameRelease(fix).tags, ['0.1.1', '0.1', '0', 'latest', 'edge'])
  t.end()
})

test('a push to main is the image `edge`, and names no released version', (t) => {
  t.match(nameRelease({ ...SOURCE, ref: 'refs/heads/main' }), { tags: ['edge'], version: '0.1.0-edge' })
  t.end()
})

test('a tag that is not the version of package.json stops the release', (t) => {
  t.throws(() => nameRelease({ ...SOURCE, ref: 'refs/tags/v0.1.1' }), /v0\.1\.1.*0\.1\.0/)
  t.throws(() => nameRelease({ ...SOURCE, ref: 'refs/tags/0.1.0' }))
  t.end()
})

test('an image without registry, owner and name is refused with what it should be', (t) => {
  for (const image of ['', 'sentry-mcp', 'ghcr.io/sentry-mcp', 'ghcr.io/a b/c', 'ghcr.io/a/b:tag'])
    t.throws(() => nameRelease({ ...SOURCE, image }), /<registry>\/<owner>\/<name>/, image)
  t.end()
})
