# Configures and builds one CMake preset quietly. Sourced after packages.sh, never run.
# shellcheck shell=bash

# clang needs up to 1.5 GiB for one of our files; more jobs than that swap instead of compiling.
build_jobs() {
  local cores memory_gib jobs
  cores=$(nproc)
  memory_gib=$(awk '/^MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo)
  jobs=$((memory_gib * 2 / 3))
  ((jobs < 1)) && jobs=1
  echo $((jobs < cores ? jobs : cores))
}

# A folder that somebody configured by hand with another generator keeps it.
configure() {
  local preset=$1 folder=$2
  shift 2
  if grep -qs '^CMAKE_GENERATOR:INTERNAL=' "$folder/CMakeCache.txt" &&
      ! grep -q '^CMAKE_GENERATOR:INTERNAL=Ninja$' "$folder/CMakeCache.txt"; then
    cmake -S . -B "$folder" "$@"
  else
    cmake --preset "$preset" -B "$folder" "$@"
  fi
}

# build_preset PRESET FOLDER [-DOPTION=...]... -- TARGET...: the log of a failed build is
# printed, that of a good one is kept in FOLDER/build.log. On a terminal the progress is shown.
build_preset() {
  local preset=$1 folder=$2 options=() log
  shift 2
  while [[ ${1-} == -D* ]]; do
    options+=("$1")
    shift
  done
  [[ ${1-} == -- ]] && shift
  mkdir -p "$folder" || return 1
  log=$folder/build.log
  if ! configure "$preset" "$folder" "${options[@]}" >"$log" 2>&1; then
    cat "$log" >&2
    return 1
  fi
  if [[ -t 2 ]]; then
    cmake --build "$folder" -j "$(build_jobs)" --target "$@" >&2
    return
  fi
  if ! cmake --build "$folder" -j "$(build_jobs)" --target "$@" >>"$log" 2>&1; then
    grep -E -A12 'error:|FAILED' "$log" | head -n 120 >&2 || tail -n 40 "$log" >&2
    return 1
  fi
}
