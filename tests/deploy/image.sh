#!/usr/bin/env bash
# The container image's root is complete and holds no more than it needs.
# tests/deploy/image.sh BINARY
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
root=$(mktemp -d)
chmod 755 "$root"
trap 'rm -rf "$root"' EXIT
failed=0

check() {
  local name=$1
  shift
  if output=$("$@" 2>&1); then
    echo "pass image $name"
  else
    echo "FAIL image $name"
    head -n 10 <<<"$output"
    failed=1
  fi
}

# As uid 14170 inside the root, with nothing of the machine in reach.
inside() {
  if [[ $(id -u) -eq 0 ]]; then
    env -i "$(command -v chroot)" --userspec=14170:14170 "$root" "$@"
  else
    env -i "$(command -v unshare)" --user --map-user=14170 --map-group=14170 --root="$root" "$@"
  fi
}

no_shell() {
  ! find "$root" -type f | grep -E '(sh|busybox|perl|python[0-9.]*)$'
}

only_one_program() {
  [[ $(find "$root/usr/bin" "$root/bin" -type f 2>/dev/null | wc -l) -eq 1 ]]
}

authorities_found() {
  local bundle
  bundle=$root$(readlink "$root/usr/lib/ssl/cert.pem")
  [[ $(grep -c 'BEGIN CERTIFICATE' "$bundle") -gt 50 ]]
}

nothing_writable_but_data() {
  ! find "$root" -xdev -type d -perm /022 ! -path "$root/tmp" | grep .
}

check "is collected" deploy/image-root.sh "$1" "$root"
check "runs as uid 14170" inside /usr/bin/outrigger version
check "checks a configuration" inside /usr/bin/outrigger config schema
check "has no shell" no_shell
check "has one program" only_one_program
check "has the certificate authorities" authorities_found
check "lets nobody write" nothing_writable_but_data
echo "     $(du -sh "$root" | cut -f1) in all"
exit $failed
