#!/usr/bin/env bash
# Packs each package, installs the tarballs into an empty project outside the
# workspace, and connects from there without the source condition. A file that
# is missing from a tarball, or a broken "exports", ends here.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
project="$(mktemp -d)"
trap 'rm -rf "$project"' EXIT
export PATH="$root/node_modules/.bin:$PATH"

for package in core dns node cli; do
  npm pack --silent --workspace "packages/$package" --pack-destination "$project" >/dev/null
done

cd "$project"
effect="$(node -p "require('$root/node_modules/effect/package.json').version")"
node "$root/scripts/consumer-package.ts" "$project" "$effect"
npm install --no-audit --no-fund --silent
cp "$root/scripts/consumer.mjs" .
node consumer.mjs
npx happy-eyeballs --version
