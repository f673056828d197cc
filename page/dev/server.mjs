// SPDX-License-Identifier: Apache-2.0
// A fake Airflow for work on the page: `npm run dev`, then http://127.0.0.1:5555/.
// It serves the JSON API with invented histories. ?theme=dark shows the dark theme, ?dir=rtl a right-to-left Airflow.
// It is not shipped.

import { createServer } from "node:http";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { World } from "./world.mjs";

const PORT = Number(process.env.PORT ?? 5555);
const out = mkdtempSync(join(tmpdir(), "page-"));
const build = fileURLToPath(new URL("../build.mjs", import.meta.url));
const world = new World();

const PAGE = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Airflow</title>
<style>body{margin:0;background:#fff;font-size:16px} html{font-size:10px} html.dark body{background:#0d1017}
/* as in Airflow 3 */ *{overflow-wrap:break-word}</style>
<script>document.documentElement.dir = new URLSearchParams(location.search).get("dir") ?? "";
if (new URLSearchParams(location.search).get("theme") === "dark") document.documentElement.classList.add("dark")</script>
</head><body><main><div id="deploy-history" data-base="/" data-csrf="dev"></div></main>
<script type="module" src="/rollback/static/deploy-history-2.js"></script></body></html>`;

function answer(request, url, body) {
  const query = url.searchParams;
  if (url.pathname === "/rollback/api/options") return world.options();
  if (url.pathname === "/rollback/api/history" && world.has(query)) return world.history(query);
  if (url.pathname === "/rollback/api/plan" && world.has(query)) return world.plan(query);
  if (url.pathname.endsWith("/dagRuns") && request.method === "POST") return world.start(body);
  if (url.pathname.includes("/dagRuns/")) return world.run();
  return [404, { error: { code: "BAD-REQUEST", message: "There is no such address.", remedy: "" } }];
}

createServer(async (request, response) => {
  const url = new URL(request.url, "http://dev");
  const send = (status, type, content) => response.writeHead(status, { "Content-Type": type }).end(content);
  if (url.pathname.startsWith("/rollback/static/")) {
    spawnSync(process.execPath, [build, out], { stdio: "inherit" });
    return send(200, "text/javascript", readFileSync(join(out, "deploy-history-2.js")));
  }
  if (!/\/api\//.test(url.pathname)) return send(200, "text/html", PAGE);
  let body = "";
  for await (const piece of request) body += piece;
  const [status, content] = answer(request, url, body && JSON.parse(body));
  setTimeout(() => send(status, "application/json", JSON.stringify(content)), 100);
}).listen(PORT, "127.0.0.1", function () {
  console.log(`http://127.0.0.1:${this.address().port}/`);
});
