#!/usr/bin/env bash
# Runs mutation testing over all folders on a machine of its own, for at most so many seconds, twice: near tests alone,
# then what survived again with all tests. Deletes tests that fail there: only for a copy of the repository.
# all.sh SECONDS OUT
set -u
out=$2
export MUTATION_DEADLINE=$((($(date +%s) + $1) * 1000))
export MUTATION_CONCURRENCY=${MUTATION_CONCURRENCY:-$(($(nproc) - 2))}

npx vitest run --config test/mutation/vitest.config.ts --pool=threads --maxWorkers="$MUTATION_CONCURRENCY" --isolate \
  --reporter=json --outputFile=.stryker/tests.json >/dev/null 2>&1
node -e '
const { testResults } = JSON.parse(require("fs").readFileSync(".stryker/tests.json"));
console.log(testResults.length, "test files");
for (const { name, status } of testResults)
  if (status !== "passed") { console.log("fails here:", name); require("fs").unlinkSync(name); }'

for near in 1 0; do
  for group in 'access presence owner' 'records memory history snapshot' edge; do
    [ $(($(date +%s) * 1000 + 30000)) -gt "$MUTATION_DEADLINE" ] && continue
    mutate=$(printf 'src/%s/**/*.ts,' $group)
    MUTATION_NEAR=$near MUTATION_AGAIN=$((1 - near)) \
      npx stryker run test/mutation/stryker.config.js --mutate "${mutate%,}" >.stryker/log 2>&1
    tail -5 .stryker/log
    cat .stryker/log >>"$out/log.txt"
    gzip -c .stryker/report.json >"$out/${group%% *}.json.gz"
    cp .stryker/report.json ".stryker/${group%% *}.json"
    node test/mutation/summary.js $(ls .stryker/{access,records,edge}.json 2>/dev/null) >"$out/summary.txt" 2>/dev/null
    gzip -c .stryker/incremental.json >"$out/incremental.json.gz"
  done
done
head -12 "$out/summary.txt"
