#!/bin/sh
# What an image holds: the steps of Dockerfile and ragimpute.def, as root in Debian 12. The package's wheel and
# requirements.lock lie beside this file.
set -eu
here=$(dirname "$0")
environment=/opt/ragimpute
cache=/var/cache/ragimpute # NUMBA_CACHE_DIR of the image

export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends beagle minimac4 plink2 python3-venv
apt-get clean
rm -rf /var/lib/apt/lists/*

python3 -m venv "$environment"
set -- "$here"/ragimpute-*.whl
if [ $# -ne 1 ]; then
    echo "install.sh: one wheel is needed in $here, not $#: $*; empty dist/ and build it again" >&2
    exit 1
fi
wheel=$1
"$environment/bin/pip" install --quiet --no-cache-dir --constraint "$here/requirements.lock" "$wheel[study]"

# compiled here, so that a run starts at once; numba uses a folder only if it can write to it, whoever runs the image
mkdir -p "$cache"
NUMBA_CACHE_DIR="$cache" "$environment/bin/ragimpute" compile
chmod -R a+rwX "$cache"
