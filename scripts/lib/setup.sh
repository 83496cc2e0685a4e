# The targets of scripts/setup, which sources this file in the top folder.

# Go's os.UserCacheDir, where the engines look too.
default_home() {
  case "$(uname -s)" in
    Darwin) echo "$HOME/Library/Caches/sparkstalk" ;;
    *) echo "${XDG_CACHE_HOME:-$HOME/.cache}/sparkstalk" ;;
  esac
}
home="${SPARKSTALK_HOME:-$(default_home)}"

staticcheck=v0.8.2
errcheck=v1.30.0
typescript=7.0.2
celery_node=0.5.9

say() { printf '%s\n' "$*" >&2; }

# die WORDS...: something is missing that only the user can give.
die() {
  printf 'setup: %s\n' "$*" >&2
  exit 2
}

# one_at_a_time waits for another scripts/setup. The lock ends with the process.
one_at_a_time() {
  mkdir -p "$home"
  command -v flock >/dev/null || return 0
  exec 9>"$home/.setup.lock"
  flock -n 9 && return 0
  say "setup: another scripts/setup is at work; waiting"
  flock 9
}

## Packages of the system

setup_broker() {
  # Debian keeps it in a folder that only root has in PATH.
  if [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || command -v rabbitmq-server >/dev/null; then
    return 0
  fi
  apt_install RabbitMQ rabbitmq-server
}

setup_postgres() {
  ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || apt_install PostgreSQL postgresql
}

setup_redis() {
  command -v redis-server >/dev/null || apt_install Redis redis-server
}

setup_browser() {
  command -v chromium >/dev/null && command -v chromedriver >/dev/null || apt_install Chromium chromium chromium-driver
}

# apt_install NAME PACKAGE...
apt_install() {
  local name=$1
  shift
  if ! command -v apt-get >/dev/null; then
    die "$name is not installed, and this is no Debian or Ubuntu: install $name with the system's own package manager, then run this again"
  fi
  if [ "$(id -u)" != 0 ]; then
    die "$name is not installed, and only root may do that: sudo apt-get install $*   (then run this again; nothing else here needs root)"
  fi
  say "$name: installing $* with apt-get"
  quiet_services
  if ! apt_run "$name" install "$@"; then
    say "$name: apt-get does not have it yet; fetching the lists of packages"
    apt_run "$name" update || say "$name: apt-get update had errors; trying all the same"
    if ! apt_run "$name" install "$@"; then
      cat "$home/apt.log" >&2
      die "apt-get could not install $*; its last words are above"
    fi
  fi
  loud_services
  say "$name: installed (as a service it is not started now; ours run apart from it)"
}

# apt_run NAME install|update PACKAGE...: shows how far apt-get is at each
# quarter. What it says itself goes to a file.
apt_run() {
  local name=$1
  shift
  DEBIAN_FRONTEND=noninteractive apt-get -y -o APT::Status-Fd=3 -o DPkg::Lock::Timeout=300 \
    --no-install-recommends "$@" 3>&1 >"$home/apt.log" 2>&1 9>&- </dev/null |
    show_steps "$name"
}

# show_steps NAME reads apt-get's status lines: dlstatus:item:percent:words.
show_steps() {
  local kind percent what last= next=0
  while IFS=: read -r kind _ percent _; do
    case "$kind" in
      dlstatus) what="downloading" ;;
      pmstatus) what="unpacking and configuring" ;;
      *) continue ;;
    esac
    percent="${percent%%.*}"
    [ "$what" = "$last" ] || next=0
    last="$what"
    [ "$percent" -ge "$next" ] || continue
    say "$1: $what, $percent%"
    next=$((percent / 25 * 25 + 25))
  done
}

# A package's own script would start a server on the usual port, which is not
# ours to take.
policy=/usr/sbin/policy-rc.d
quiet_services() {
  [ -e "$policy" ] && return 0
  trap loud_services EXIT
  printf '#!/bin/sh\nexit 101 # made by sparkstalk scripts/setup for one apt-get\n' >"$policy"
  chmod 755 "$policy"
}
loud_services() {
  if [ -f "$policy" ] && grep -q 'made by sparkstalk' "$policy"; then rm -f "$policy"; fi
}

## Python

setup_python() { python_environment celery "Celery for Python"; }
setup_pyspark_server() { python_environment pyspark-server "the whole of PySpark"; }

# setup_pyspark has the client of the very Spark that tests run on, without what is
# not in a client: PyPI's pyspark-client, which is that, ends with 4.2.
setup_pyspark() { python_environment pyspark-connect "PySpark's Spark Connect client" unpack_pyspark; }

spark_version=$(sed -n 's/^const sparkVersion = "\(.*\)"$/\1/p' host/engine/spark.go)

# unpack_pyspark DIR puts the client into an environment.
unpack_pyspark() {
  local site tmp="$1/tmp"
  say "pyspark: downloading pyspark $spark_version (456 MB)"
  # pip keeps what it downloads in its cache as well: not half a gigabyte.
  "$1/bin/python" -m pip --disable-pip-version-check download --quiet --no-deps --no-cache-dir --dest "$tmp" "pyspark==$spark_version" >&2 9>&- ||
    die "pip could not download pyspark $spark_version"
  site=$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  tar xzf "$tmp/pyspark-$spark_version.tar.gz" -C "$site" --strip-components=1 --exclude='*/tests' \
    --exclude='*/pyspark/core' --exclude='*/sql/classic' --exclude='*/pyspark/messages' "pyspark-$spark_version/pyspark"
  rm -rf "$tmp"
}

setup_flower() { python_environment flower "Flower and Selenium"; }

environment_is_there() {
  cmp -s "scripts/lib/requirements-$1.txt" "$home/python/$1/requirements.txt" && [ -x "$home/python/$1/bin/python" ]
}

need_python() {
  command -v python3 >/dev/null ||
    die "python3 is not installed: apt-get install python3 python3-venv (as root), or the like"
  if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
    apt_install "Python's venv" python3-venv
    python3 -c 'import venv, ensurepip' 2>/dev/null ||
      die "python3 ($(command -v python3)) has no venv module: install it, or put another python3 first in PATH"
  fi
}

# python_environment NAME WORDS [MORE]: makes $home/python/NAME of
# scripts/lib/requirements-NAME.txt, and again when that file has changed. MORE is
# then called with its folder.
python_environment() {
  local line name=$1 words=$2 dir="$home/python/$1" wants="scripts/lib/requirements-$1.txt"
  environment_is_there "$name" && return 0
  need_python
  say "$words: making a Python environment in $dir"
  mkdir -p "$home/python"
  python3 -m venv --clear "$dir"
  local log="$home/python/$name.log"
  # A line for each download shows that it goes on.
  if ! "$dir/bin/python" -m pip --disable-pip-version-check install -r "$wants" 2>&1 9>&- |
    tee "$log" |
    while IFS= read -r line; do
      case "$line" in
        *Downloading*B\)* | Installing\ collected*) printf '%s: %.100s\n' "$words" "${line#"${line%%[! ]*}"}" >&2 ;;
      esac
    done; then
    tail -20 "$log" >&2
    die "pip could not install $words; its last words are above, all of them in $log"
  fi
  if [ -n "${3-}" ]; then
    "$3" "$dir"
  fi
  cp "$wants" "$dir/requirements.txt" # last: the mark of a whole install
  say "$words: installed"
}

## TPC-H

# setup_tpch makes $home/tpch/sf0.01 and sf0.1, and again when the generator was
# replaced, which may write them otherwise.
setup_tpch() {
  python_environment tpch "tpchgen-cli, the generator of TPC-H's tables"
  local scale dir wants=scripts/lib/requirements-tpch.txt
  for scale in 0.01 0.1; do
    dir="$home/tpch/sf$scale"
    cmp -s "$wants" "$dir/requirements.txt" && continue
    say "tpch: writing the tables at scale factor $scale to $dir"
    rm -rf "$dir"
    mkdir -p "$dir"
    "$home/python/tpch/bin/tpchgen-cli" parquet --scale-factor "$scale" --output-dir "$dir" >&2 9>&- ||
      die "tpchgen-cli could not write the tables to $dir"
    cp "$wants" "$dir/requirements.txt" # last: the mark of a whole set
  done
}

## Delta Lake, Iceberg and H2

# Each is for one version of Spark, and 4.1 is the newest that both have one for.
lakehouse_spark=4.1.4
lakehouse_jars="
  io.delta:delta-spark_4.1_2.13:4.1.0
  io.delta:delta-storage:4.1.0
  org.apache.iceberg:iceberg-spark-runtime-4.1_2.13:1.12.0
  com.h2database:h2:2.3.232"

# setup_lakehouse makes $home/lakehouse/jars with H2's jar, and spark-4.1.4/jars
# with Spark's own and all the others.
setup_lakehouse() {
  local dir="$home/lakehouse" jar now to tmp
  now="$lakehouse_spark $lakehouse_jars"
  [ "$(cat "$dir/installed" 2>/dev/null)" = "$now" ] && return 0
  rm -rf "$dir"
  mkdir -p "$dir/jars" "$dir/spark-$lakehouse_spark/jars"
  spark_jars "$lakehouse_spark" "$dir/spark-$lakehouse_spark"
  for jar in $lakehouse_jars; do
    case "$jar" in *:h2:*) to="$dir/jars" ;; *) to="$dir/spark-$lakehouse_spark/jars" ;; esac
    maven_jars "$to" "$jar"
  done
  printf '%s\n' "$now" >"$dir/installed" # last: the mark of a whole set
}

# spark_jars VERSION DIR puts the jars of a Spark into DIR/jars.
spark_jars() {
  local tmp="$2/tmp"
  say "spark: downloading Spark $1 (456 MB)"
  mkdir -p "$2/jars"
  python3 -m venv "$tmp/venv"
  "$tmp/venv/bin/python" -m pip --disable-pip-version-check download --quiet --no-deps --no-cache-dir --dest "$tmp" "pyspark==$1" >&2 9>&- ||
    die "pip could not download pyspark $1"
  tar xzf "$tmp/pyspark-$1.tar.gz" -C "$2/jars" --strip-components=3 --wildcards '*/deps/jars/*.jar'
  rm -rf "$tmp"
}

# maven_jars DIR ARTIFACT...
maven_jars() {
  local jar to=$1
  shift
  command -v mvn >/dev/null || apt_install Maven maven
  for jar in "$@"; do
    say "maven: $jar"
    mvn -q -B dependency:copy "-Dartifact=$jar" "-DoutputDirectory=$to" >&2 9>&- || die "Maven could not fetch $jar"
  done
}

# What the host's client is run against besides the engine and lakehouse_spark.
server_versions="4.0.5 4.2.1"

# Delta Lake, whose tables keep their changes for Spark 4.2.
server_jars="
  io.delta:delta-spark_4.2_2.13:4.4.0
  io.delta:delta-storage:4.4.0
  io.delta:delta-kernel-api:4.4.0
  io.delta:delta-kernel-defaults:4.4.0
  io.delta:delta-kernel-unitycatalog:4.4.0"

setup_servers() {
  local version dir
  for version in $server_versions; do
    dir="$home/servers/spark-$version"
    [ -f "$dir/installed" ] && continue
    rm -rf "$dir"
    spark_jars "$version" "$dir"
    case "$version" in 4.2.*) maven_jars "$dir/jars" $server_jars ;; esac
    echo "$version" >"$dir/installed" # last: the mark of a whole set
  done
}

## The engines, which sparkstalk itself installs

setup_sail() { engine sail; }

setup_spark() {
  if [ -z "${JAVA_HOME:-}" ] && ! command -v java >/dev/null; then
    die "Apache Spark needs Java 17 or newer: apt-get install openjdk-17-jre-headless (as root), or set JAVA_HOME"
  fi
  engine spark
}

# engine NAME: the command is quick when the engine is there, but building the
# command is not. A stamp tells that its sources and Java are still the same.
engine() {
  local name=$1 stamp="$home/engines/.setup-$1" now
  need_go
  now="$(cat host/engine/*.go | cksum) ${JAVA_HOME:-$(command -v java || true)}"
  if compgen -G "$home/engines/$name-*/installed.json" >/dev/null && [ "$(cat "$stamp" 2>/dev/null)" = "$now" ]; then
    return 0
  fi
  say "$name: go run ./host/cmd/sparkstalk engine install $name"
  SPARKSTALK_HOME="$home" go run ./host/cmd/sparkstalk engine install "$name" 9>&-
  printf '%s\n' "$now" >"$stamp"
}

## Task modules in other languages

setup_modules() {
  rust_for_modules || apt_install "Rust for modules" cargo rustc libstd-rust-dev-wasm32
  if [ -z "${WASI_SDK_PATH:-}" ] && ! { command -v clang && command -v wasm-ld && [ -e /usr/lib/wasm32-wasi/libc.a ]; } >/dev/null; then
    apt_install "C for modules" clang lld wasi-libc libclang-rt-dev-wasm32
  fi
  command -v wat2wasm >/dev/null || apt_install "WebAssembly's assembler" wabt
  need_node "AssemblyScript's compiler"
  local dir=examples/wordcount-assemblyscript
  # npm writes the hidden lock file last.
  if [ "$dir/node_modules/.package-lock.json" -ot "$dir/package-lock.json" ]; then
    say "AssemblyScript: npm ci in $dir"
    npm --prefix "$dir" ci --no-fund --no-audit >"$home/npm.log" 2>&1 9>&- || {
      tail -20 "$home/npm.log" >&2
      die "npm could not install AssemblyScript's compiler; its last words are above"
    }
  fi
}

# rust_for_modules: some Rust in PATH, of which there may be two, can compile
# for WASM.
rust_for_modules() {
  local cargo
  for cargo in $(type -ap cargo); do
    [ -n "$(ls "$("${cargo%cargo}rustc" --print target-libdir --target wasm32-unknown-unknown 2>/dev/null)" 2>/dev/null)" ] && return 0
  done
  return 1
}

# need_node WORDS: what needs it.
need_node() {
  if ! command -v npm >/dev/null || [ "$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then
    die "$1 needs Node.js 20 or newer with npm: install them from https://nodejs.org"
  fi
}

## What checks typed clients

setup_stubs() {
  python_environment stubs "mypy"
  need_node "TypeScript's compiler"
  local dir="$home/node/stubs" wants="typescript@$typescript celery-node@$celery_node"
  [ "$(cat "$dir/installed" 2>/dev/null)" = "$wants" ] && return 0
  say "TypeScript: npm install $wants"
  mkdir -p "$dir"
  printf '{"private": true}\n' >"$dir/package.json"
  # shellcheck disable=SC2086 # two words
  npm --prefix "$dir" install --no-fund --no-audit $wants >"$home/npm.log" 2>&1 9>&- || {
    tail -20 "$home/npm.log" >&2
    die "npm could not install TypeScript's compiler; its last words are above"
  }
  printf '%s' "$wants" >"$dir/installed"
}

## Tools

setup_lint() {
  need_go
  tool honnef.co/go/tools/cmd/staticcheck "$staticcheck"
  tool github.com/kisielk/errcheck "$errcheck"
}

# tool PACKAGE VERSION, built by the Go that checks with it.
tool() {
  local name="${1##*/}" stamp="$home/tools/${1##*/}.version" now
  now="$2 $(go env GOVERSION)"
  [ -x "$home/tools/bin/$name" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$now" ] && return 0
  say "$name: go install $1@$2"
  mkdir -p "$home/tools/bin"
  GOBIN="$home/tools/bin" go install "$1@$2" 9>&-
  printf '%s\n' "$now" >"$stamp"
}

need_go() {
  command -v go >/dev/null || die "Go is not in PATH: install Go 1.26 or newer from https://go.dev/dl"
}
