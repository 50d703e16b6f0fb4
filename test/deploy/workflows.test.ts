import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'tap'
import { parse } from 'yaml'

const ROOT = new URL('../../', import.meta.url)
const FOLDER = '.github/workflows'

interface Workflow {
  permissions?: Record<string, string>
  jobs: Record<string, Job>
}

interface Job {
  container?: { image: string }
  needs?: string | string[]
  strategy?: { matrix: { lane: string[] } }
  'timeout-minutes'?: number
  uses?: string
  steps?: Step[]
}

interface Step {
  id?: string
  uses?: string
  run?: string
  env?: Record<string, string>
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

test('every machine of a workflow has the Node.js that runs', async (t) => {
  for (const file of files) {
    for (const [name, { container, steps = [] }] of Object.entries(readWorkflow(file).jobs)) {
      if (container !== undefined) t.equal(container.image, `node:${node}-bookworm`, `${file}, ${name}`)
      for (const { uses, with: options } of steps)
        if (uses?.startsWith('actions/setup-node@'))
          t.equal(options?.['node-version'], node, `${file}, ${name}`)
    }
  }
})

test('every lane of .ci/run is a job of its own, beside the others once lint and unit have passed', async (t) => {
  const { jobs } = readWorkflow('ci.yml')
  const [, all = ''] = /^LANES=\((.*)\)$/m.exec(read('.ci/run')) ?? []
  const lanes = Object.values(jobs).flatMap(listLanes)
  t.same(lanes.sort(), all.split(' ').sort())
  t.equal(all.split(' ')[0], 'lint', 'the quickest one comes first')
  for (const [name, { needs }] of Object.entries(jobs))
    t.same(needs, ['lint', 'unit'].includes(name) ? undefined : ['lint', 'unit'], name)
})

test('the night has the lanes that .ci/run alone leaves out', async (t) => {
  const known = [...read('.ci/run').matchAll(/^ {4}([a-z-]+)\)/gm)].map(([, lane = '']) => lane)
  const lanes = ['ci.yml', 'nightly.yml'].flatMap((file) =>
    Object.values(readWorkflow(file).jobs).flatMap(listLanes),
  )
  t.same(lanes.sort(), known.sort())
})

test('a job that hangs ends', async (t) => {
  for (const file of files) {
    for (const [name, job] of Object.entries(readWorkflow(file).jobs))
      t.ok(job.uses !== undefined || Number(job['timeout-minutes']) > 0, `${file}, ${name}`)
  }
})

// https://docs.github.com/en/actions/reference/security/secure-use: an expression in a script is text that others may
// have written, such as the name of a branch; a variable is not.
test('no shell step has an expression in its script', async (t) => {
  for (const file of files) {
    for (const { steps = [] } of Object.values(readWorkflow(file).jobs))
      for (const { run = '' } of steps) t.notMatch(run, /\$\{\{/, file)
  }
})

test('what is published is published after CI, and only what a job needs is granted', async (t) => {
  const { jobs } = readWorkflow('release.yml')
  t.equal(jobs.ci?.uses, './.github/workflows/ci.yml')
  t.equal(jobs.image?.needs, 'ci')
  for (const name of ['chart', 'notes', 'registry']) t.ok([jobs[name]?.needs].flat().includes('image'), name)
  t.match(jobs, {
    image: {
      permissions: { contents: 'read', packages: 'write', 'id-token': 'write', attestations: 'write' },
    },
    chart: { permissions: { contents: 'read', packages: 'write', 'id-token': 'write' } },
    notes: { permissions: { contents: 'write' } },
    registry: { permissions: { contents: 'read', 'id-token': 'write' } },
  })
})

test('the image is for amd64 and arm64, with SBOM and provenance, and signed by digest as the chart is', async (t) => {
  const { image, chart } = readWorkflow('release.yml').jobs
  const build = image?.steps?.find(({ uses }) => uses?.startsWith('docker/build-push-action@'))
  t.match(build?.with, {
    platforms: 'linux/amd64,linux/arm64',
    provenance: 'mode=max',
    sbom: true,
    push: true,
  })
  for (const job of [image, chart]) {
    const sign = job?.steps?.find(({ run }) => run?.startsWith('cosign sign --yes'))
    t.match(sign?.env?.SUBJECT, /@\$\{\{ steps\.\w+\.outputs\.digest \}\}$/)
  }
})

/** The lanes that a job runs. */
function listLanes({ steps = [], strategy }: Job): string[] {
  return steps.flatMap(({ run = '' }) => {
    const [, lane] = /^\.ci\/run (.+)$/.exec(run) ?? []
    if (lane === undefined) return []
    return lane === '"$LANE"' ? (strategy?.matrix.lane ?? []) : [lane]
  })
}

test('a release builds on its base image by digest (SLSA provenance)', async (t) => {
  const { image } = readWorkflow('release.yml').jobs
  const steps = image?.steps ?? []
  const resolving = steps.findIndex(({ id }) => id === 'base')
  const building = steps.findIndex(({ uses }) => uses?.startsWith('docker/build-push-action@'))
  t.ok(resolving >= 0 && resolving < building)
  t.match(steps[resolving]?.run, /imagetools inspect[\s\S]*docker-image:\/\/\$image@\$digest/)
  t.match(read('Dockerfile'), /^FROM node:\S+ AS base$/m, 'the line that it reads')
  t.match(steps[building]?.with?.['build-contexts'], /^\$\{\{ steps\.base\.outputs\.context \}\}$/)
})

function readWorkflow(file: string): Workflow {
  return parse(read(`${FOLDER}/${file}`))
}

function read(path: string): string {
  return readFileSync(new URL(path, ROOT), 'utf8')
}
