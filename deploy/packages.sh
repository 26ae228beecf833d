# The Debian 12 packages this project needs, and how they get installed. Sourced, never run.
# shellcheck shell=bash disable=SC2034

# To build and run. libstdc++ comes with clang-19; ca-certificates verifies upstreams.
packages_run=(
  clang-19 lld-19 cmake ninja-build pkg-config ca-certificates
  libevent-dev libnghttp2-dev libssl-dev libc-ares-dev libyaml-cpp-dev nlohmann-json3-dev
  libcli11-dev libfmt-dev libsimdjson-dev libvalijson-dev libleveldb-dev
  zlib1g-dev libbrotli-dev libzstd-dev
)

# To run the tests, on top of packages_run.
packages_test=(
  libclang-rt-19-dev llvm-19 clang-format-19 libgtest-dev libgmock-dev ccache
  curl git nghttp2-client openssl procps prometheus python3 python3-yaml shellcheck util-linux
)

# To compare with other proxies, on top of packages_run.
packages_bench=(
  haproxy nginx-light nghttp2-client nghttp2-proxy nghttp2-server wrk
  libbenchmark-dev openssl procps python3 util-linux
)

fail() {
  echo "error: $*" >&2
  exit 1
}

# Prints those of the given packages that are not installed. An alternative that provides the same
# program (nginx-full for nginx-light) counts as installed.
missing_packages() {
  local installed package
  installed=$(dpkg-query -W -f='${db:Status-Abbrev} ${Package}\n' 2>/dev/null | sed -n 's/^ii *//p')
  for package in "$@"; do
    grep -qxF "$package" <<<"$installed" && continue
    [[ $package == nginx-light ]] && command -v nginx >/dev/null && continue
    echo "$package"
  done
}

# Runs a command as root; fails with a clear word when there is no way to become root.
as_root() {
  if [[ $(id -u) -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
    sudo "$@"
  else
    return 126
  fi
}

# Debian starts a service right after its package is installed. We want the programs only, so for
# the time of the installation a policy says no; an existing policy of the machine is left as it is.
with_services_held() {
  local policy=/usr/sbin/policy-rc.d
  if [[ -e $policy ]]; then
    as_root "$@"
    return
  fi
  # shellcheck disable=SC2016 # expands in the inner shell
  as_root sh -c '
    policy=$1; shift
    trap "rm -f $policy" EXIT
    trap "exit 130" INT TERM
    printf "#!/bin/sh\nexit 101\n" >"$policy" && chmod 755 "$policy"
    "$@"' sh "$policy" "$@"
}

# Two installations at once wait for each other: apt waits for dpkg's lock itself, the lock of the
# package lists is waited for here.
apt_patiently() {
  local log=$1 tries=60
  shift
  until with_services_held env DEBIAN_FRONTEND=noninteractive apt-get -q \
      -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1 </dev/null; do
    grep -q 'Could not get lock' "$log" && ((tries-- > 0)) || return 1
    sleep 5
  done
}

# ensure_packages PACKAGE...: installs what is missing; does not call apt when nothing is.
ensure_packages() {
  command -v dpkg-query >/dev/null || fail "this script installs Debian packages; here are none.
Install clang 19 or g++ 13, CMake 3.25, libevent, nghttp2, OpenSSL 3, c-ares, yaml-cpp,
nlohmann-json, valijson, CLI11, fmt, simdjson, LevelDB, zlib, brotli and zstd by hand, then:
  cmake -B build -DOUTRIGGER_TESTS=OFF && cmake --build build && build/outrigger run"
  local missing log
  mapfile -t missing < <(missing_packages "$@")
  [[ ${#missing[@]} -eq 0 ]] && return
  as_root true || fail "these Debian packages are missing, and installing them needs root or sudo:
  ${missing[*]}
Ask somebody with rights to run:
  apt-get install --no-install-recommends ${missing[*]}"
  log=$(mktemp)
  echo "Installing ${#missing[@]} Debian packages: ${missing[*]}" >&2
  if ! apt_patiently "$log" install -y --no-install-recommends "${missing[@]}"; then
    # The lists are missing or too old: fetch them once and try again.
    if ! apt_patiently "$log" update ||
        ! apt_patiently "$log" install -y --no-install-recommends "${missing[@]}"; then
      tail -n 15 "$log" >&2
      rm -f "$log"
      fail "apt-get could not install: ${missing[*]} (Debian 12, 'bookworm', has all of them)"
    fi
  fi
  rm -f "$log"
}
