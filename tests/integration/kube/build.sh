#!/usr/bin/env bash
# Builds kube-apiserver and kube-controller-manager from their Go modules into a cache folder, once.
set -euo pipefail
cd "$(dirname "$0")"
version=$(sed -n 's/^[[:space:]]*\(require \)\{0,1\}k8s.io\/kubernetes \(v[0-9.]*\).*/\2/p' go.mod)
[ -n "$version" ] || { echo "go.mod does not require k8s.io/kubernetes" >&2; exit 1; }
target="${XDG_CACHE_HOME:-$HOME/.cache}/rancher-cd-tests/kube"
stamp="$target/$version"
[ -e "$stamp" ] && exit 0
command -v go >/dev/null || { echo "Go is needed to build Kubernetes $version: install Go 1.26 or newer" >&2; exit 1; }
mkdir -p "$target"
package=k8s.io/component-base/version
minor=${version#v1.}
CGO_ENABLED=0 GOFLAGS=-mod=mod go build -trimpath -o "$target/" \
  -ldflags "-s -w -X $package.gitVersion=$version -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}" \
  k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kube-controller-manager
touch "$stamp"
