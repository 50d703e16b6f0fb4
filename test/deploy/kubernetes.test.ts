import { readFileSync } from 'node:fs'
import type { Deployment } from 'kubernetes-types/apps/v1.d.ts'
import type { HorizontalPodAutoscaler } from 'kubernetes-types/autoscaling/v2.d.ts'
import type { ConfigMap, Service } from 'kubernetes-types/core/v1.d.ts'
import type { Ingress, NetworkPolicy } from 'kubernetes-types/networking/v1.d.ts'
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.d.ts'
import { test } from 'tap'
import { parse } from 'yaml'
import { SETTINGS } from '../../lib/config/settings.ts'
import { VERSION } from '../../lib/config/version.ts'
import { findTypeErrors, readKubernetesFolder } from './manifests.ts'

const manifests = readKubernetesFolder()
const configMap = get<ConfigMap>('config-map.yaml')
const deployment = get<Deployment>('deployment.yaml')
const pod = deployment.spec?.template.spec
const container = pod?.containers[0]
const NAME = { 'app.kubernetes.io/name': 'sentry-mcp' }

function get<Type>(file: string): Type {
  const manifest = manifests.get(file)
  if (manifest === undefined) throw new Error(`deploy/kubernetes has no ${file}.`)
  return manifest as Type
}

function read(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
}

test('the manifests have the types of the Kubernetes API: no field is misspelt', async (t) => {
  const misspelt = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'x' }, spec: { selectors: NAME } }
  const errors = await findTypeErrors([...manifests.values(), misspelt])
  t.equal(errors.match(/error TS/g)?.length, 1)
  t.match(errors, /"selectors"' does not exist/)
})

test('kustomization.yaml lists every manifest and the image of this version', (t) => {
  const { resources, images } = parse(read('deploy/kubernetes/kustomization.yaml'))
  t.same(resources, [...manifests.keys()].sort())
  t.equal(images[0].newTag, VERSION)
  t.equal(images[0].name, container?.image)
  const { version, appVersion } = parse(read('deploy/helm/sentry-mcp/Chart.yaml'))
  t.same([version, appVersion], [VERSION, VERSION])
  t.end()
})

test('every selector selects the pods of the Deployment', (t) => {
  t.same(deployment.spec?.template.metadata?.labels, NAME)
  t.same(deployment.spec?.selector.matchLabels, NAME)
  t.same(get<Service>('service.yaml').spec?.selector, NAME)
  t.same(get<PodDisruptionBudget>('pod-disruption-budget.yaml').spec?.selector?.matchLabels, NAME)
  t.same(get<NetworkPolicy>('network-policy.yaml').spec?.podSelector.matchLabels, NAME)
  const autoscaler = get<HorizontalPodAutoscaler>('horizontal-pod-autoscaler.yaml')
  t.equal(autoscaler.spec?.scaleTargetRef.name, deployment.metadata?.name)
  t.end()
})

test('a pod has no privileges beyond its needs', (t) => {
  const [, user] = /^USER (\d+):\d+$/m.exec(read('Dockerfile')) ?? []
  t.equal(pod?.automountServiceAccountToken, false)
  t.match(pod?.securityContext, { runAsNonRoot: true, runAsUser: Number(user) })
  t.equal(pod?.securityContext?.seccompProfile?.type, 'RuntimeDefault')
  t.match(container?.securityContext, { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true })
  t.same(container?.securityContext?.capabilities, { drop: ['ALL'] })
  t.end()
})

test('a pod has time for preStop and SHUTDOWN_GRACE before it is killed', (t) => {
  const [, preStop] = container?.lifecycle?.preStop?.exec?.command ?? []
  const needed = Number(preStop) + Number(configMap.data?.SHUTDOWN_GRACE)
  t.ok(Number(pod?.terminationGracePeriodSeconds) > needed)
  t.end()
})

test('readiness depends on the store, liveness does not', (t) => {
  t.equal(container?.startupProbe?.httpGet?.path, '/health')
  t.equal(container?.livenessProbe?.httpGet?.path, '/health')
  t.equal(container?.readinessProbe?.httpGet?.path, '/health/ready')
  t.end()
})

test('settings come from the ConfigMap, secrets by reference only', (t) => {
  const secrets = Object.entries(SETTINGS).flatMap(([name, { secret }]) => (secret ? [name] : []))
  const names = Object.keys(configMap.data ?? {})
  t.ok(names.length > 0)
  t.ok(secrets.length > 0)
  for (const name of names) {
    t.ok(name in SETTINGS, `${name} is a setting`)
    t.notOk(secrets.includes(name), `${name} is not a secret`)
  }
  t.notOk([...manifests.values()].some(({ kind }) => kind === 'Secret'))
  const schema = JSON.parse(read('deploy/helm/sentry-mcp/values.schema.json'))
  const refused = schema.properties.settings.propertyNames.not.enum
  t.same(refused.toSorted(), secrets.toSorted(), 'the chart takes no secret as a value')
  t.end()
})

test('the Ingress serves the well-known paths at the root (RFC 8414 §3.1, RFC 9728 §3.1)', (t) => {
  const [rule] = get<Ingress>('ingress.yaml').spec?.rules ?? []
  const paths = rule?.http?.paths.map(({ path }) => path)
  for (const path of [
    '/mcp',
    '/oauth',
    '/.well-known/oauth-authorization-server',
    '/.well-known/oauth-protected-resource',
    '/.well-known/openid-configuration',
  ]) {
    t.ok(paths?.includes(path), path)
  }
  t.end()
})
