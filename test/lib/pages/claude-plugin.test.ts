import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { test } from 'tap'
import { createClaudePlugin, createInstallCommand } from '../../../lib/pages/claude-plugin.ts'
import { startService, useEmbeddedStore } from '../../support/service.ts'

const run = promisify(execFile)

const OPTIONS = { serverName: 'sentry-mcp', title: 'Sentry', sentryHost: 'sentry.example.com' }

test('the marketplace and its archive are served where Claude Code can fetch them', async (t) => {
  const settings = {
    ...useEmbeddedStore(t),
    BASE_URL: 'https://mcp.example.com/tools',
    SERVER_NAME: 'Acme.MCP_2',
  }
  const { app } = await startService(t, { settings })
  const get = (url: string) => app.inject({ url, headers: { host: 'mcp.example.com' } })
  const response = await get('/tools/.claude-plugin/marketplace.json')
  t.equal(response.statusCode, 200)
  const { name, owner, plugins } = response.json()
  t.equal(name, 'acme-mcp-2', 'names of marketplaces are kebab-case')
  t.same(owner, { name: 'Sentry' })
  const [{ source }] = plugins
  t.equal(source.source, 'archive')
  const archive = await get(new URL(source.url).pathname)
  t.equal(archive.headers['content-type'], 'application/zip')
  t.equal(createHash('sha256').update(archive.rawPayload).digest('hex'), source.sha256)
})

test('any unzip reads the archive, and the same server makes the same archive', async (t) => {
  const plugin = createClaudePlugin({ ...OPTIONS, baseUrl: 'https://mcp.example.com' })
  if (plugin === undefined) return t.fail('there is a plugin')
  const again = createClaudePlugin({ ...OPTIONS, baseUrl: 'https://mcp.example.com' })
  t.same(again?.archive, plugin.archive)
  const folder = mkdtempSync(join(tmpdir(), 'sentry-mcp-plugin-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'plugin.zip'), plugin.archive)
  const read =
    'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; print(z.read(sys.argv[2]).decode())'
  const { stdout } = await run('python3', [
    '-c',
    read,
    join(folder, 'plugin.zip'),
    '.claude-plugin/plugin.json',
  ])
  t.match(JSON.parse(stdout), {
    name: 'sentry',
    mcpServers: { sentry: { type: 'http', url: 'https://mcp.example.com/mcp' } },
  })
})

test('on loopback there is no plugin, since Claude Code fetches none from there', async (t) => {
  for (const baseUrl of [
    'http://localhost:3000',
    'https://localhost',
    'https://127.0.0.1:8443',
    'https://mcp.localhost',
  ]) {
    t.equal(createClaudePlugin({ ...OPTIONS, baseUrl }), undefined, baseUrl)
    t.equal(createInstallCommand(baseUrl), undefined, baseUrl)
  }
  t.equal(
    createInstallCommand('https://mcp.internal'),
    'claude plugin install sentry --marketplace https://mcp.internal/.claude-plugin/marketplace.json',
  )
})
