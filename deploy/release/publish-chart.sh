#!/usr/bin/env bash
# Packages a staged chart, pushes it to an OCI registry and prints `digest=sha256:…` for the signature:
#
#   publish-chart.sh <folder of stage.ts> <registry>/<owner>/charts [options of helm push]
#
# The login is done before, by `helm registry login` or docker/login-action.
set -euo pipefail

stage=$1
charts=$2
shift 2

package=$(helm package "$stage/sentry-mcp" --destination "$stage" | sed -n 's/^Successfully packaged chart and saved it to: //p')
pushed=$(helm push "$package" "oci://$charts" "$@" 2>&1)
echo "$pushed" >&2
digest=$(sed -n 's/^Digest: //p' <<<"$pushed")
[[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || { echo 'helm push printed no digest' >&2; exit 1; }
echo "package=$package"
echo "digest=$digest"
