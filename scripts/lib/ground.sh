# The ground the scripts stand on: a Python that Home Assistant accepts, uv, and the three environments.
# Sourced by scripts/*; everything is found or built once and kept in the user's cache folder.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/evshare
needed="3.14.2"
mkdir -p "$cache"
# Home Assistant is thousands of files: whoever compiles them anew in every process waits twice as long.
unset PYTHONDONTWRITEBYTECODE

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else return 1; fi
}

# apt_install PACKAGE…: only what is missing; fails where there is no apt or no such package.
apt_updated=
apt_install() {
  command -v apt-get >/dev/null || return 1
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return 0
  say "Installing ${missing[*]} (apt)"
  if [ -z "$apt_updated" ]; then
    as_root apt-get update -qq >/dev/null || true
    apt_updated=yes
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# A browser for the end-to-end tests: the machine's, Debian's, or (Ubuntu has only a snap) Playwright's own.
browser() {
  local name
  for name in chromium google-chrome chromium-browser; do
    command -v "$name" >/dev/null && return 0
  done
  apt_install chromium 2>/dev/null && return 0
  say "No package of Chromium: downloading Playwright's"
  "$root/.venvs/app/bin/playwright" install chromium >/dev/null ||
    fail "No Chromium could be installed. Install one by hand and run this again."
}

# uv comes from PyPI, into a small environment of its own, unless the machine has one.
uv_run() {
  if [ -z "${uv_bin:-}" ]; then
    uv_bin=$(command -v uv || true)
    if [ -z "$uv_bin" ]; then
      uv_bin=$cache/tools/bin/uv
      if [ ! -x "$uv_bin" ]; then
        say "Installing uv"
        # venv needs python3-venv on Debian; --target needs only pip.
        python3 -m venv "$cache/tools" >/dev/null 2>&1 && "$cache/tools/bin/pip" install --quiet uv ||
          { rm -rf "$cache/tools" && python3 -m pip install --quiet --target "$cache/tools/lib" uv &&
            mkdir -p "$cache/tools/bin" && ln -sf "$cache/tools/lib/bin/uv" "$uv_bin"; } ||
          fail "uv could not be installed: python3 with pip is needed."
      fi
    fi
  fi
  "$uv_bin" "$@"
}

python_is_right() {
  [ -x "$1" ] && "$1" - "$needed" 2>/dev/null <<'PY'
import sys
import ctypes, sqlite3, ssl, lzma, bz2  # what Home Assistant and the app import
wanted = tuple(int(part) for part in sys.argv[1].split("."))
free_threaded = getattr(sys, "_is_gil_enabled", lambda: True)() is False
sys.exit(not ((3, 15) > sys.version_info[:3] >= wanted and not free_threaded))
PY
}

# find_python: prints the path of a CPython 3.14 (>= 3.14.2): PATH, pyenv, our cache, uv's own download, and last a build.
find_python() {
  local candidate
  for candidate in "$(command -v python3.14 || true)" "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.14.*/bin/python3.14 \
    "$cache"/python-3.14.*/bin/python3.14; do
    if python_is_right "$candidate"; then
      echo "$candidate"
      return
    fi
  done
  if uv_run python install --quiet 3.14 >/dev/null 2>&1; then
    candidate=$(uv_run python find --no-project 3.14 2>/dev/null || true)
    if python_is_right "$candidate"; then
      echo "$candidate"
      return
    fi
  fi
  build_python >&2
  candidate=$(ls -d "$cache"/python-3.14.*/bin/python3.14 2>/dev/null | tail -n 1)
  python_is_right "$candidate" || fail "CPython $needed or newer (3.14) could not be found or built."
  echo "$candidate"
}

# The Debian mirror this machine already uses, read from apt's configuration.
apt_mirror() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep -m 1 '/debian/*$' ||
    { cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | grep -oE 'https?://[^ ]+/(debian|ubuntu)/?' | head -n 1; }
}

# Builds CPython 3.14 from Debian's source package: the newest version first, then down, since an index may be
# ahead of the pool. A tarball beside the checkout (../shared/python) is the last resort.
build_python() {
  say "No Python $needed or newer found: building one (about 2 minutes, once)"
  # Without apt (another system) the headers are taken to be there; configure says what is missing.
  apt_install gcc make xz-utils libssl-dev zlib1g-dev libffi-dev libsqlite3-dev libbz2-dev liblzma-dev || true
  local work mirror version tarball=
  work=$(mktemp -d)
  mirror=$(apt_mirror || true)
  mirror=${mirror%/}
  if [ -n "$mirror" ]; then
    for version in 3.14.9 3.14.8 3.14.7 3.14.6 3.14.5 3.14.4; do
      if python3 - "$mirror/pool/main/p/python3.14/python3.14_$version.orig.tar.xz" "$work/python.tar.xz" <<'PY' 2>/dev/null; then
import shutil, sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=60) as response, open(sys.argv[2], "wb") as file:
    shutil.copyfileobj(response, file)
PY
        tarball=$work/python.tar.xz
        break
      fi
    done
  fi
  if [ -z "$tarball" ]; then
    tarball=$(ls "$root"/../shared/python/python3.14_*.orig.tar.xz 2>/dev/null | tail -n 1 || true)
    [ -n "$tarball" ] || fail "No source of CPython 3.14 could be reached. Install Python $needed or newer and run this again."
    version=$(basename "$tarball" | sed -E 's/python3.14_([0-9.]+)\.orig.*/\1/')
  fi
  say "Building CPython $version"
  mkdir "$work/source"
  tar -xJf "$tarball" -C "$work/source" --strip-components 1
  (
    cd "$work/source"
    ./configure --prefix="$cache/python-$version" --disable-test-modules --with-ensurepip=install >"$work/log" 2>&1 &&
      make -j "$(nproc)" >>"$work/log" 2>&1 && make install >>"$work/log" 2>&1
  ) || { tail -n 20 "$work/log"; fail "CPython did not build."; }
  rm -rf "$work"
}

# environment_is_right NAME REQUIREMENTS: whether .venvs/NAME holds what the file lists now.
environment_is_right() {
  local stamp=$root/.venvs/$1/.evshare-requirements
  [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(cksum <"$root/$2")" ]
}

# environment NAME REQUIREMENTS: .venvs/NAME holds exactly what the hash-checked file lists.
environment() {
  environment_is_right "$@" && return 0
  local folder=$root/.venvs/$1 requirements=$root/$2 stamp wanted python
  stamp=$folder/.evshare-requirements
  wanted=$(cksum <"$requirements")
  python=$(find_python)
  say "Preparing .venvs/$1"
  [ -x "$folder/bin/python" ] || uv_run venv --quiet --python "$python" "$folder"
  uv_run pip sync --quiet --python "$folder/bin/python" --require-hashes "$requirements"
  printf '%s' "$wanted" >"$stamp"
}

# environments NAME=REQUIREMENTS…: the same for several, side by side.
environments() {
  local one python missing=()
  local -A preparing=()
  for one in "$@"; do
    environment_is_right "${one%%=*}" "${one#*=}" || missing+=("$one")
  done
  [ ${#missing[@]} = 0 ] && return 0
  # What they all need is found or built before they part.
  python=$(find_python)
  say "Python: $python"
  uv_run --version >/dev/null
  for one in "${missing[@]}"; do
    environment "${one%%=*}" "${one#*=}" &
    preparing[$one]=$!
  done
  for one in "${missing[@]}"; do
    wait "${preparing[$one]}" || fail "${one%%=*}: the environment could not be prepared."
  done
}
