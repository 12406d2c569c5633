#!/usr/bin/env bash
# Makes counting.ptx of counting.cu; needs nvcc and ptxas of any CUDA release, but no GPU.
#
# A driver compiles PTX for the GPU at hand when it loads it, and refuses PTX that is newer than itself. The kernels use
# nothing that PTX 5.0 and Pascal lack, so the header says that: drivers from 2016 on take it, and every GPU that
# TensorRT 8.5 supports. ptxas holds the instructions against the header.
set -euo pipefail
cd "$(dirname "$0")"
raw=$(mktemp --suffix .ptx)
trap 'rm -f "$raw" counting.tmp' EXIT
nvcc --ptx -arch="${ARCH:-compute_75}" -o "$raw" counting.cu
{
  echo "// Made by compile.sh of counting.cu, sha256 $(sha256sum < counting.cu | cut -d ' ' -f 1)"
  sed -e '/^\/\//d' -e 's/^\.version .*/.version 5.0/' -e 's/^\.target .*/.target sm_60/' "$raw"
} > counting.tmp
ptxas -arch="${CHECK:-sm_75}" -o /dev/null counting.tmp
mv counting.tmp counting.ptx
