#!/bin/sh
# Times the steps of a layer with these kernels and with those of a commit in turns: compare.sh COMMIT [OPTION...], the
# options those of layer-steps. The program is linked dynamically here, as one that loads a library has to be.
set -e
if [ $# -eq 0 ]; then
    echo "usage: compare.sh COMMIT [options of layer-steps]" >&2
    exit 64
fi
commit=$1
shift
cd "$(dirname "$0")/../.."
# Swift's own compiler of C, which stands beside it.
compiler=$(command -v clang || true)
[ -n "$compiler" ] || compiler=$(dirname "$(readlink -f "$(command -v swift)")")/clang
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
git archive "$commit" Sources/CKernels | tar -x -C "$folder"
other=$folder/Sources/CKernels
"$compiler" -O2 -std=gnu11 -fPIC -shared -I"$other/include" "$other"/*.c -o "$folder/kernels.so" -lm -lpthread &
library=$!
"$compiler" -O2 -std=gnu11 -ISources/CKernels/include Benchmarks/kernels/layer_steps.c Sources/CKernels/*.c \
    -o "$folder/layer-steps" -lm -lpthread -ldl
wait "$library"
"$folder/layer-steps" --against "$folder/kernels.so" "$@"
