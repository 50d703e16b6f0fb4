/**
 * What the Helm chart makes, against the types of the Kubernetes API and against deploy/kubernetes, which the chart
 * is with its own values. Called by deploy/test-chart.sh with the output of kustomize, that of the chart, and any
 * number of others that the chart makes with other values.
 */
import { deepStrictEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { findTypeErrors, type Manifest, readManifests } from './manifests.ts'

/** Labels tell one release from another, and only the chart has several. */
const OF_A_RELEASE = new Set(['labels', 'annotations', 'matchLabels', 'selector'])

const [kustomized = [], rendered = [], ...others] = process.argv
  .slice(2)
  .map((file) => readManifests(readFileSync(file, 'utf8')))

const errors = await findTypeErrors([kustomized, rendered, ...others].flat())
if (errors !== '') {
  process.stderr.write(errors)
  process.exit(1)
}
deepStrictEqual(listComparable(rendered), listComparable(kustomized))

function listComparable(manifests: Manifest[]): unknown[] {
  const byKind = manifests.toSorted((one, other) => one.kind.localeCompare(other.kind))
  return JSON.parse(JSON.stringify(byKind, (key, value) => (OF_A_RELEASE.has(key) ? undefined : value)))
}
