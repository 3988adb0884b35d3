# Sourced by scripts/start and scripts/test: finds Node, installs packages and builds when that is needed.
# Says nothing when there is nothing to do. Expects $root, the absolute path of the checkout.

oldest_node="20.19"

fail() {
  printf 'sordini: %s\n' "$1" >&2
  exit 1
}

# Whether the version $1 (v20.19.3) is at least $oldest_node.
new_enough() {
  local major minor
  IFS=. read -r major minor _ <<<"${1#v}"
  [[ $major =~ ^[0-9]+$ && $minor =~ ^[0-9]+$ ]] || return 1
  ((major > ${oldest_node%.*} || (major == ${oldest_node%.*} && minor >= ${oldest_node#*.})))
}

# Sets $node: $SORDINI_NODE if given, else the Node that the packages bring, else the machine's own.
find_node() {
  local candidate version
  for candidate in "${SORDINI_NODE:-}" "$root/node_modules/.bin/node" node; do
    [[ -n $candidate ]] || continue
    version=$("$candidate" --version 2>/dev/null) || continue
    if new_enough "$version"; then
      node=$candidate
      return
    fi
    found="$version"
  done
  fail "Node $oldest_node or newer is needed, but this machine has ${found:-none}; see https://nodejs.org/download."
}

# Runs a command quietly; its output is shown when it fails.
quietly() {
  local output
  if ! output=$("$@" 2>&1); then
    printf '%s\n' "$output" >&2
    return 1
  fi
}

# One process at a time installs or builds, where the machine has flock. Starts of several nodes may coincide.
alone() {
  local lock="$root/node_modules/.sordini-lock"
  mkdir -p "$root/node_modules"
  if command -v flock >/dev/null; then
    exec 9>"$lock"
    flock 9
  fi
}

needs_install() {
  [[ ! -e $root/node_modules/.package-lock.json || $root/package-lock.json -nt $root/node_modules/.package-lock.json ]]
}

ensure_installed() {
  needs_install || return 0
  command -v npm >/dev/null || fail "npm is needed once to install packages; it comes with Node (https://nodejs.org/download)."
  echo "sordini: installing packages" >&2
  local log
  log=$(mktemp)
  if ! (cd "$root" && npm ci --ignore-scripts) >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    fail "npm ci failed; its words are above."
  fi
  rm -f "$log"
  # npm keeps the time of the lock file it was given; the next check compares with now.
  touch "$root/node_modules/.package-lock.json"
}

needs_build() {
  [[ ! -e $root/dist/.built ]] && return 0
  local newer
  newer=$(find "$root/protocol" "$root/storage" "$root/src" "$root/tsconfig.json" "$root/tsconfig.build.json" \
    "$root/scripts/bundle.mjs" \
    -newer "$root/dist/.built" -print -quit)
  [[ -n $newer ]]
}

ensure_built() {
  needs_build || return 0
  echo "sordini: building" >&2
  local began="$root/node_modules/.build-began"
  touch "$began"
  (cd "$root" && quietly npm run -s build) || fail "the build failed; its words are above."
  # The time at which the build began: what changed meanwhile is built next time.
  touch -r "$began" "$root/dist/.built"
}

# Everything that `scripts/start` and `scripts/test` stand on; sets $node.
prepare() {
  if needs_install || needs_build; then
    alone
    ensure_installed
    ensure_built
    # Not into the broker: it would hold the lock for as long as it runs. Closing what is not open is no error.
    exec 9>&-
  fi
  find_node
}
