#!/usr/bin/env bash
# Makes .venv-peers with the engines of requirements.txt. One that cannot be installed does not keep the others out: the
# benchmark reports it as missing.
set -euo pipefail
cd "$(dirname "$0")/../.."

requirements=Benchmarks/peers/requirements.txt
stamp=.venv-peers/requirements.txt
if cmp --silent "$requirements" "$stamp"; then exit 0; fi

export CMAKE_ARGS="-DGGML_NATIVE=ON -DLLAVA_BUILD=OFF ${CMAKE_ARGS:-}"
export CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(getconf _NPROCESSORS_ONLN)}
echo "installing the engines into .venv-peers (llama.cpp is built from source, which takes minutes)" >&2
python3 -m venv .venv-peers
pip=(.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check)
if "${pip[@]}" --requirement "$requirements"; then
    cp "$requirements" "$stamp"
    exit 0
fi
# One at a time; with no stamp, the next run tries again.
grep '==' "$requirements" | while read -r package; do
    "${pip[@]}" --no-binary llama-cpp-python "$package" || echo "cannot install $package" >&2
done
