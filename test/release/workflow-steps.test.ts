import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { test } from 'tap'
import { parse } from 'yaml'

/** The shell steps of the workflow `release` as they stand there, run as GitHub runs them. */

interface Step {
  id?: string
  run?: string
  env?: Record<string, string>
}

const run = promisify(execFile)
const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** What talks to a registry, to GitHub or to the Go module proxy. `publish-chart.sh` runs in deploy/test-chart.sh. */
const NETWORK = /\b(cosign|docker buildx imagetools|gh release|go install|publisher"? |publish-chart\.sh)/

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
const workflow: { env: Record<string, string>; jobs: Record<string, { steps?: Step[] }> } = parse(
  readFileSync(join(ROOT, '.github/workflows/release.yml'), 'utf8'),
)
const steps = Object.values(workflow.jobs).flatMap((job) => job.steps ?? [])
const local = steps.filter((step) => step.run !== undefined && !NETWORK.test(step.run))

test('every shell step of the release that needs no network runs for a tag, and lays out one release', async (t) => {
  const runner = mkdtempSync(join(tmpdir(), 'sentry-mcp-release-'))
  t.teardown(() => rmSync(runner, { recursive: true, force: true }))
  const outputs = await runSteps(runner)
  t.equal(local.length, 5, 'the steps that are looked at')
  t.match(outputs, {
    image: 'ghcr.io/example-org/sentry-mcp-self-hosted',
    charts: 'ghcr.io/example-org/charts',
    'server-name': 'io.github.Example-Org/sentry-mcp-self-hosted',
    version,
  })
  const tags = String(outputs.tags).split(',')
  t.ok(tags.includes(`${outputs.image}:${version}`))
  t.ok(tags.includes(`${outputs.image}:latest`))

  const read = (file: string) => readFileSync(join(runner, file), 'utf8')
  t.equal(parse(read('release/sentry-mcp/values.yaml')).image.repository, outputs.image)
  t.same(parse(read('release/kubernetes/kustomization.yaml')).images, [
    { name: 'sentry-mcp-self-hosted', newName: outputs.image, newTag: version },
  ])
  const server = JSON.parse(read('release/server.json'))
  t.equal(server.name, outputs['server-name'])
  t.equal(server.packages[0].identifier, `${outputs.image}:${version}`)
  t.notMatch(read('release/server.json'), /OWNER/)
  t.ok(read('notes.md').trim(), 'the notes are not empty')
  const { stdout } = await run('tar', [
    '--list',
    '--file',
    join(runner, `sentry-mcp-kubernetes-${version}.tar.gz`),
  ])
  t.match(stdout, /^kubernetes\/kustomization\.yaml$/m)
})

test('what a step takes from another one is what that one gives', (t) => {
  const text = readFileSync(join(ROOT, '.github/workflows/release.yml'), 'utf8')
  const taken = [...text.matchAll(/needs\.image\.outputs\.([\w-]+)/g)].map(([, name]) => name)
  const given = [...text.matchAll(/^ {6}([\w-]+): \$\{\{ steps\.names\.outputs\.([\w-]+) \}\}$/gm)]
  for (const [, name, from] of given) t.equal(name, from)
  t.same(
    [...new Set(taken)].filter((name) => !given.some(([, other]) => other === name)),
    [],
  )
  t.end()
})

/** Runs the steps at a tag of this version, and returns what they wrote to GITHUB_OUTPUT. */
async function runSteps(runner: string): Promise<Record<string, string>> {
  const repository = await createTaggedRepository(runner)
  const output = join(runner, 'output')
  const outputs: Record<string, string> = {}
  for (const { run: script = '', env = {} } of local) {
    await run('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script], {
      cwd: repository,
      env: {
        PATH: process.env.PATH,
        HOME: runner,
        RUNNER_TEMP: runner,
        GITHUB_OUTPUT: output,
        GITHUB_REPOSITORY_OWNER: 'Example-Org',
        GITHUB_REF: `refs/tags/v${version}`,
        GITHUB_REF_NAME: `v${version}`,
        ...evaluateAll(workflow.env, outputs),
        ...evaluateAll(env, outputs),
      },
    })
    for (const line of existsSync(output) ? readFileSync(output, 'utf8').split('\n') : []) {
      const [, key, value] = /^([\w-]+)=(.*)$/.exec(line) ?? []
      if (key !== undefined && value !== undefined) outputs[key] = value
    }
  }
  return outputs
}

/** A repository with the files that the steps read, as a checkout of a tag has them. */
async function createTaggedRepository(runner: string): Promise<string> {
  const repository = join(runner, 'repository')
  const { stdout } = await run('git', ['ls-files', 'deploy', 'package.json', 'CHANGELOG.md', 'server.json'], {
    cwd: ROOT,
  })
  for (const file of stdout
    .trim()
    .split('\n')
    .filter((name) => existsSync(join(ROOT, name)))) {
    mkdirSync(join(repository, file, '..'), { recursive: true })
    copyFileSync(join(ROOT, file), join(repository, file))
  }
  const git = (...args: string[]) =>
    run('git', ['-c', 'user.name=test', '-c', 'user.email=test@example.com', ...args], { cwd: repository })
  await git('init', '--quiet')
  await git('commit', '--quiet', '--allow-empty', '--message', 'release')
  await git('tag', `v${version}`)
  return repository
}

function evaluateAll(env: Record<string, string>, outputs: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, evaluate(value, outputs)]))
}

/** The few expressions that the steps use; an unknown one is an error of the test. */
function evaluate(text: string, outputs: Record<string, string>): string {
  return text.replaceAll(/\$\{\{ ([\w.-]+) \}\}/g, (_match, name: string) => {
    if (name === 'github.repository_owner') return 'Example-Org'
    const [, output = ''] = /^(?:steps\.names|needs\.image)\.outputs\.([\w-]+)$/.exec(name) ?? []
    const value = outputs[output]
    if (value === undefined) throw new Error(`The expression ${name} has no value.`)
    return value
  })
}
