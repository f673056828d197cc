// SPDX-License-Identifier: Apache-2.0
// Bundles the tests and runs them with Node's own test runner.

import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const out = mkdtempSync(join(tmpdir(), "page-tests-"));
const tests = readdirSync(here("test")).filter((name) => name.endsWith(".test.ts"));

await build({
  entryPoints: tests.map((name) => join(here("test"), name)),
  bundle: true,
  platform: "node",
  format: "esm",
  outdir: out,
  outExtension: { ".js": ".mjs" },
  sourcemap: "inline",
  logLevel: "warning",
});
// A second run in another time zone, so that no test depends on the developer's.
const env = { ...process.env, TZ: "America/New_York" };
const files = tests.map((name) => join(out, name.replace(/\.ts$/, ".mjs")));
const { status } = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], { stdio: "inherit", env });
rmSync(out, { recursive: true });
process.exitCode = status ?? 1;
