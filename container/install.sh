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
wheel=$(echo "$here"/ragimpute-*.whl)
"$environment/bin/pip" install --quiet --no-cache-dir --constraint "$here/requirements.lock" "$wheel[study]"

# compiled here, so that a run starts at once; numba uses a folder only if it can write to it, whoever runs the image
mkdir -p "$cache"
NUMBA_CACHE_DIR="$cache" "$environment/bin/ragimpute" compile
chmod -R a+rwX "$cache"
