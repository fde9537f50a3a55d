#!/usr/bin/env bash
# Clones the last commit into a bare Debian 12 and runs make targets there, as a newcomer would.
# The chroot holds only the README's prerequisites. Package mirrors and certificates are this machine's.
set -euo pipefail

usage="usage: scripts/fresh_clone.sh [--user] [--keep] [--base TARBALL] [TARGET…]   (root; default target: demo)
  --user   run as a user without root
  --keep   leave the chroot for a look, and say where it is
  --base   reuse this Debian, or make it there when it does not exist yet"
packages="python3 python3-venv git make nodejs npm"

main() {
  local user=root keep="" base="" targets=()
  while [ $# -gt 0 ]; do
    case $1 in
      --user) user=newcomer ;;
      --keep) keep=yes ;;
      --base) base=${2:?$usage}; shift ;;
      -*) printf '%s\n' "$usage" >&2; exit 2 ;;
      *) targets+=("$1") ;;
    esac
    shift
  done
  [ ${#targets[@]} -gt 0 ] || targets=(demo)
  refuse_when_impossible
  repository=$(cd "$(dirname "$0")/.." && pwd)
  work=$(mktemp -d "${TMPDIR:-/tmp}/fresh-clone.XXXXXX")
  [ -n "$keep" ] && echo "the chroot stays: $work/root" || trap 'rm -rf --one-file-system "$work"' EXIT
  root=$work/root
  install_debian "$base"
  bring_configuration
  clone_for "$user"
  SECONDS=0
  run_as "$user" make "${targets[@]}"
  echo "make ${targets[*]}: passed in a fresh Debian 12 as $user, ${SECONDS} s" >&2
}

refuse_when_impossible() {
  [ "$(id -u)" = 0 ] || { echo "a chroot needs root: run it with sudo" >&2; exit 2; }
  command -v debootstrap >/dev/null || { echo "debootstrap is missing: apt-get install -y debootstrap" >&2; exit 2; }
}

install_debian() { # [TARBALL]
  mkdir "$root"
  if [ -n "$1" ] && [ -f "$1" ]; then
    tar -C "$root" -xpf "$1"
    return
  fi
  echo "installing Debian 12 with $packages" >&2
  debootstrap --variant=minbase --include=ca-certificates bookworm "$root" "$(mirror)" >"$work/log" \
    || { tail -n 20 "$work/log" >&2; exit 1; }
  bring_configuration
  # Not by --include: debootstrap does not follow virtual packages, which npm depends on.
  # shellcheck disable=SC2086 - a list of words
  in_debian root /root apt-get install -y -qq --no-install-recommends $packages >"$work/log" 2>&1 \
    || { tail -n 20 "$work/log" >&2; exit 1; }
  in_debian root /root apt-get clean
  if [ -n "$1" ]; then tar -C "$root" --exclude=./proc/* --exclude=./dev/* -cpf "$1" .; fi
}

mirror() { # the one that this machine's apt uses, never a host of ours
  apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' \
    | awk '$2 == "bookworm" && $3 == "main" { print $1; exit }'
}

bring_configuration() { # so that apt, pip, uv and npm reach the same registries as here
  local file name
  for file in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/npmrc; do
    [ -f "$file" ] && cp -L "$file" "$root$file"
  done
  if ls /usr/local/share/ca-certificates/*.crt >/dev/null 2>&1; then
    cp -L /usr/local/share/ca-certificates/*.crt "$root/usr/local/share/ca-certificates/"
    chroot "$root" update-ca-certificates >/dev/null 2>&1
  fi
  settings=()
  for name in $(compgen -e); do
    case $name in
      PIP_CERT | PIP_INDEX_URL | PIP_EXTRA_INDEX_URL | PIP_TRUSTED_HOST | PIP_DEFAULT_TIMEOUT \
        | UV_*INDEX* | UV_NATIVE_TLS | UV_SYSTEM_CERTS | NPM_CONFIG_REGISTRY | npm_config_registry \
        | NODE_EXTRA_CA_CERTS | SSL_CERT_FILE | SSL_CERT_DIR | REQUESTS_CA_BUNDLE \
        | http_proxy | https_proxy | no_proxy | HTTP_PROXY | HTTPS_PROXY | NO_PROXY)
        settings+=("$name=${!name}") ;;
    esac
  done
}

clone_for() { # USER
  chroot "$root" useradd --create-home --shell /bin/sh newcomer 2>/dev/null || true
  home=$(chroot "$root" getent passwd "$1" | cut -d: -f6)
  [ -f ~/.npmrc ] && cp ~/.npmrc "$root$home/.npmrc"
  git clone --quiet --no-hardlinks "$repository" "$root$home/unstale"
  git -C "$root$home/unstale" remote remove origin
  chroot "$root" chown -R "$1:" "$home"
}

run_as() { # USER COMMAND…
  local user=$1
  shift
  in_debian "$user" "$home" "${settings[@]}" sh -c 'cd "$HOME/unstale" && exec "$@"' newcomer "$@"
}

# A PID namespace of its own: what a failed run leaves behind ends with it, and /proc shows only the newcomer.
in_debian() { # USER HOME COMMAND…
  unshare --mount --pid --fork sh -c '
    set -eu
    root=$1 user=$2 home=$3; shift 3
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    exec chroot --userspec="$user" "$root" env -i "HOME=$home" "USER=$user" LANG=C.UTF-8 TERM=dumb \
      DEBIAN_FRONTEND=noninteractive PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin "$@"' \
    fresh-clone "$root" "$@"
}

main "$@"
