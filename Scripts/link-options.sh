#!/usr/bin/env bash
# Prints the options of `swift build` that link the command line into one file that needs no others, where the toolchain
# and the system have all static libraries: it runs on machines without Swift and takes 7 MB less memory.
set -euo pipefail

[ "$(uname)" = Linux ] || exit 0
runtime=$(swift -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')
tools=${runtime%/lib/swift}/bin
[ -f "${runtime}_static/linux/static-executable-args.lnk" ] && [ -x "$tools/ld.lld" ] || exit 0
for library in libc.a libm.a libstdc++.a; do
    # A name alone is the compiler's way to say that it has found none.
    [ "$("$tools/clang" -print-file-name=$library)" != $library ] || exit 0
done
echo --static-swift-stdlib -Xswiftc -static-executable -Xswiftc -use-ld=lld
