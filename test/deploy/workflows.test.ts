import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'tap'
import { parse } from 'yaml'

const ROOT = new URL('../../', import.meta.url)
const FOLDER = '.github/workflows'

interface Workflow {
  permissions?: Record<string, string>
  jobs: Record<string, { container?: { image: string }; uses?: string; steps?: Step[] }>
}

interface Step {
  id?: string
  uses?: string
  run?: string
  with?: Record<string, unknown>
}

const files = readdirSync(new URL(FOLDER, ROOT))
const node = JSON.parse(read('package.json')).devDependencies.node

test('actions are pinned by commit, with the release in a comment (CVE-2025-30066)', async (t) => {
  t.ok(files.length > 0)
  for (const file of files) {
    const uses = [...read(`${FOLDER}/${file}`).matchAll(/uses: (.*)/g)].map(([, what = '']) => what)
    t.ok(uses.length > 0)
    for (const what of uses) {
      if (!what.startsWith('./')) t.match(what, /^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/, file)
      else t.ok(read(what.slice('./'.length)), file)
    }
  }
})

test('workflows have read permission by default', async (t) => {
  t.ok(files.length > 0)
  for (const file of files) t.same(readWorkflow(file).permissions, { contents: 'read' }, file)
})

test('CI checks with the Node.js version of package.json, by scripts that exist', async (t) => {
  const { checks, image } = readWorkflow('ci.yml').jobs
  t.equal(checks?.container?.image, `node:${node}-bookworm`)
  const setUp = image?.steps?.find(({ uses }) => uses?.startsWith('actions/setup-node@'))
  t.equal(setUp?.with?.['node-version'], node)
  const scripts = [...(checks?.steps ?? []), ...(image?.steps ?? [])].flatMap(({ run = '' }) =>
    [...run.matchAll(/(?:^|bash )([.\w/-]+\/[\w.-]+)/g)].map(([, path = '']) => path),
  )
  t.same(scripts, ['.ci/run', 'deploy/test-image.sh'])
  for (const path of scripts) t.match(read(path), /^#!\/usr\/bin\/env bash/)
})

test('a release builds on its base image by digest (SLSA provenance)', async (t) => {
  const { image } = readWorkflow('release.yml').jobs
  const steps = image?.steps ?? []
  const resolving = steps.findIndex(({ id }) => id === 'base')
  const building = steps.findIndex(({ uses }) => uses?.startsWith('docker/build-push-action@'))
  t.ok(resolving >= 0 && resolving < building)
  t.match(steps[resolving]?.run, /imagetools inspect[\s\S]*docker-image:\/\/\$image@\$digest/)
  t.match(read('Dockerfile'), /^FROM node:\S+ AS base$/m, 'the line that it reads')
  t.equal(steps[building]?.with?.['build-contexts'], '${{ steps.base.outputs.context }}')
})

function readWorkflow(file: string): Workflow {
  return parse(read(`${FOLDER}/${file}`))
}

function read(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8')
}
