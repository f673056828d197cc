// SPDX-License-Identifier: Apache-2.0
// Builds the two bundles into the Python package, or elsewhere: node build.mjs [directory]

import { build, transform } from "esbuild";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const out = process.argv[2] ?? here("../airflow_rollback_provider/ui/www/dist");

/** A stylesheet is a text in the bundle: one file for Airflow to serve. */
const css = {
  name: "css",
  setup({ onLoad }) {
    onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(await readFile(path, "utf8"), { loader: "css", minify: true });
      return { contents: code.trim(), loader: "text" };
    });
  },
};

const preact = await readFile(here("node_modules/preact/LICENSE"), "utf8");

const BANNER = `// SPDX-License-Identifier: Apache-2.0
// Built from page/ by scripts/build-page. Do not edit.`;

const common = {
  absWorkingDir: here("."),
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  jsx: "automatic",
  charset: "utf8",
  legalComments: "none",
  banner: { js: BANNER },
  plugins: [css],
  logLevel: "warning",
};

const bundles = [
  {
    entryPoints: { "deploy-history": here("src/airflow3.tsx") },
    alias: { react: here("src/host/react-global.ts"), "react/jsx-runtime": here("src/host/jsx-global.ts") },
  },
  {
    entryPoints: { "deploy-history-2": here("src/airflow2.tsx") },
    alias: { react: here("src/host/react-preact.ts"), "react/jsx-runtime": "preact/jsx-runtime" },
    banner: { js: `${BANNER}\n// It includes Preact. Its licence:\n/*\n${preact.trim()}\n*/` },
  },
];

await Promise.all(bundles.map((bundle) => build({ ...common, ...bundle, outdir: out })));
