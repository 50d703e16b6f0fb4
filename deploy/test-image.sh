#!/usr/bin/env bash
# Builds the image of the Dockerfile and checks what runs from it. With Docker where there is an engine, else on
# Debian as root with podman, on a base image made here from Debian's packages and the Node.js of node_modules.
# Wants `npm ci` to have run.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH=$PWD/node_modules/.bin:$PATH

NODE_VERSION=$(node -p 'process.versions.node')
VERSION=$(node -p 'require("./package.json").version')
IMAGE=sentry-mcp-self-hosted:test
BASE=docker.io/library/node:$NODE_VERSION-slim
STORAGE=/var/tmp/sentry-mcp-image
NAME=sentry-mcp-test-$$
work=$(mktemp -d)
engine=(docker)

choose_engine() {
  if docker info >/dev/null 2>&1; then
    return
  fi
  if [[ ! -e /etc/debian_version || $(id -u) != 0 ]]; then
    echo 'This check needs Docker, or Debian and root.' >&2
    exit 1
  fi
  local missing=()
  for package in podman runc mmdebstrap; do command -v "$package" >/dev/null || missing+=("$package"); done
  if ((${#missing[@]})); then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  fi
  # Containers get the limits of this shell, which may not be raised everywhere.
  printf '[containers]\ndefault_ulimits = ["nofile=%s:%s", "nproc=%s:%s"]\n' 10000 10000 10000 10000 >"$work/containers.conf"
  export CONTAINERS_CONF=$work/containers.conf
  engine=(podman --root "$STORAGE/root" --runroot "$STORAGE/run" --cgroup-manager cgroupfs --runtime runc)
  make_base
}

# What the Dockerfile needs of the official image: Debian, Node.js, npm, and an entrypoint that execs.
make_base() {
  "${engine[@]}" image exists "$BASE" && return
  echo "making a base image in place of $BASE"
  local root=$work/base
  mmdebstrap --quiet --variant=minbase --include=ca-certificates bookworm "$root"
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  cp -L "$(command -v node)" "$root/usr/local/bin/node"
  mkdir -p "$root/usr/local/lib/node_modules" "$root/usr/local/etc"
  cp -RL "$(dirname "$(readlink -f "$(command -v npm)")")/.." "$root/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  printf 'registry=%s\ncafile=/etc/ssl/certs/ca-certificates.crt\n' "$(npm config get registry 2>/dev/null)" >"$root/usr/local/etc/npmrc"
  printf '#!/bin/sh\nset -e\nexec "$@"\n' >"$root/usr/local/bin/docker-entrypoint.sh"
  chmod +x "$root/usr/local/bin/docker-entrypoint.sh"
  tar --create --directory "$root" . |
    "${engine[@]}" import --quiet --change 'ENTRYPOINT ["docker-entrypoint.sh"]' --change 'CMD ["node"]' \
      --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' - "$BASE" >/dev/null
}

finish() {
  local status=$?
  if ((status)); then "${engine[@]}" logs "$NAME" >&2 2>/dev/null || true; fi
  "${engine[@]}" rm --force --volumes "$NAME" >/dev/null 2>&1 || true
  if [[ ${engine[0]} == podman ]]; then "${engine[@]}" image prune --force >/dev/null; fi
  rm -rf "$work"
}
trap finish EXIT

ok() { echo "ok: $1"; }
fail() { echo "not ok: $1" >&2; exit 1; }
expect() { if [[ $2 == "$3" ]]; then ok "$1: ${3:-none}"; else fail "$1 is '$2', not '$3'"; fi; }
inspect() { "${engine[@]}" image inspect --format "$1" "$IMAGE"; }
run_in_image() { "${engine[@]}" run --rm --network none --no-healthcheck --entrypoint '' "$IMAGE" "$@"; }
find_port() { node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })'; }

choose_engine
build=(build --tag "$IMAGE" --build-arg "VERSION=$VERSION" --build-arg REVISION=test)
if [[ ${engine[0]} == podman ]]; then build+=(--isolation chroot --pull-never --format docker --quiet); else build+=(--quiet); fi
SECONDS=0
"${engine[@]}" "${build[@]}" . >"$work/build" 2>&1 || { cat "$work/build" >&2; fail 'the image cannot be built'; }
ok "built in $SECONDS s, $(($(inspect '{{.Size}}') / 1000000)) MB, of which $(run_in_image du -sm /app | cut -f1) MB are /app"

expect 'the user' "$(inspect '{{.Config.User}}')" 10001:10001
expect 'the command' "$(inspect '{{json .Config.Cmd}}')" '["node","server.ts"]'
expect 'NODE_ENV' "$(run_in_image printenv NODE_ENV)" production
expect 'the version label' "$(inspect '{{index .Config.Labels "org.opencontainers.image.version"}}')" "$VERSION"
expect 'Node.js' "$(run_in_image node --version)" "v$NODE_VERSION"
expect '/app' "$(run_in_image ls -A /app | xargs)" \
  'LICENSE app.ts commands compile-cache lib node_modules package.json plugins routes server.ts test'
expect 'files of /app that the user can write' "$(run_in_image find /app -writable -not -type l)" ''

node -p 'Object.entries(require("./package-lock.json").packages).filter(([, { dev }]) => dev).map(([path]) => path).join("\n")' |
  sort >"$work/dev"
run_in_image find node_modules -name package.json -not -path '*/test/*' -printf '%h\n' | sort >"$work/installed"
expect 'development dependencies in the image' "$(comm -12 "$work/dev" "$work/installed")" ''
expect 'tests in the image' "$(run_in_image find /app -name '*.test.ts' -not -path '*/node_modules/*')" ''
# Without any, what is right on amd64 is right on arm64: only Node.js differs, which the base image brings.
expect 'native add-ons in the image' "$(run_in_image find /app -name '*.node')" ''

if "${engine[@]}" run --rm --network none --no-healthcheck "$IMAGE" >"$work/out" 2>&1; then fail 'it starts without settings'; fi
for name in BASE_URL SENTRY_HOST SENTRY_CLIENT_ID SENTRY_CLIENT_SECRET ENCRYPTION_KEY JWT_SIGNING_KEY; do
  grep -q "$name" "$work/out" || fail "$name is missing and not named"
done
ok 'it names the settings that are missing'

# The demo is the service, a stand-in for Sentry and a client's whole way, in one container without a network.
demo=$("${engine[@]}" run --rm --network none --no-healthcheck --cap-drop ALL --security-opt no-new-privileges "$IMAGE" demo --once) ||
  { echo "$demo" >&2; fail 'the demo does not run'; }
ok "the demo takes $(grep -c '^  ok ' <<<"$demo") steps"
[[ $(tail -n 1 <<<"$demo") == *search_issues* ]] || fail 'the demo ends before its last step'

# Without settings the doctor names those that are missing, and says so by its exit code.
if "${engine[@]}" run --rm --network none --no-healthcheck "$IMAGE" doctor --json >"$work/doctor" 2>&1; then
  fail 'the doctor finds nothing wrong where there are no settings'
fi
expect 'what the doctor says without settings' "$(node -p 'JSON.parse(require("fs").readFileSync(process.argv[1])).status' "$work/doctor")" error
grep -q SENTRY_CLIENT_SECRET "$work/doctor" || fail 'the doctor does not name SENTRY_CLIENT_SECRET'

port=$(find_port)
sentry_port=$(find_port)
url=http://localhost:$port
"${engine[@]}" run --detach --name "$NAME" --network host --no-healthcheck \
  --read-only --cap-drop ALL --security-opt no-new-privileges \
  --env BASE_URL="$url" --env HOST=127.0.0.1 --env PORT="$port" --env STORE=embedded --env DIRECT_SEARCH=true \
  --env SENTRY_HOST="127.0.0.1:$sentry_port" --env SENTRY_PROTOCOL=http \
  --env SENTRY_CLIENT_ID=image-test --env SENTRY_CLIENT_SECRET=image-test-secret \
  --env ENCRYPTION_KEY="$(openssl rand -base64 32)" --env JWT_SIGNING_KEY="$(openssl rand -base64 32)" \
  "$IMAGE" >/dev/null

# The HEALTHCHECK as it stands in the image, at another port if one is given.
check_health() {
  local command
  mapfile -t command < <(inspect '{{range .Config.Healthcheck.Test}}{{println .}}{{end}}' | sed '1d;/^$/d')
  "${engine[@]}" exec ${1:+--env PORT="$1"} "$NAME" "${command[@]}"
}

SECONDS=0
until check_health 2>/dev/null; do
  ((SECONDS < 30)) || fail 'it is not healthy within 30 s'
  sleep 0.2
done
ok "healthy after $SECONDS s, with a read-only root and no capabilities"
if check_health 1 2>/dev/null; then fail 'HEALTHCHECK passes where nothing listens'; fi
ok 'HEALTHCHECK fails where nothing listens'
expect 'process 1' "$("${engine[@]}" exec "$NAME" cat /proc/1/cmdline | tr '\0' ' ')" 'node server.ts '
expect 'its user' "$("${engine[@]}" exec "$NAME" id -u)" 10001
walked=$(node test/deploy/walk-image.ts "$url" "$sentry_port" image-test image-test-secret)
ok "$walked"
"${engine[@]}" exec "$NAME" doctor --json >"$work/doctor" || true
node -e '
  const { findings, version } = JSON.parse(require("fs").readFileSync(process.argv[1]))
  if (version !== process.argv[2] || findings.length === 0) process.exit(1)
' "$work/doctor" "$VERSION" || { cat "$work/doctor" >&2; fail 'the doctor does not run beside the service'; }
ok 'the doctor runs beside the service'
memory=$("${engine[@]}" exec "$NAME" sed -n 's/^VmRSS:[^0-9]*//p' /proc/1/status)
ok "it takes $memory of memory then"

SECONDS=0
"${engine[@]}" stop --time 30 "$NAME" >/dev/null
expect 'the exit code after SIGTERM' "$("${engine[@]}" inspect --format '{{.State.ExitCode}}' "$NAME")" 0
ok "it ended $SECONDS s after SIGTERM"
