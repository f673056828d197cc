// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeploymentOption } from "../src/api/contract";
import { deploy } from "./builders";
import { selectedOption, linkTo, namesUnknownOption } from "../src/host/selection";
import { inProgressText, healthTone, isolated, nameOf, quoted, refusalLabel, sentence, shortName, typeLabel } from "../src/model/labels";

test("the platform's types become readable text", () => {
  assert.equal(typeLabel("IMAGE_AND_DAG"), "Image and Dag");
  assert.equal(typeLabel("DAG_ONLY"), "Dag only");
  assert.equal(typeLabel("CONFIG_SYNC"), "Config sync");
  assert.equal(typeLabel(""), "");
});

test("the name of a deploy is its tag, or its id without a tag", () => {
  assert.equal(nameOf({ id: "cm1", image_tag: "release-1" }), "release-1");
  assert.equal(nameOf({ id: "cm1", image_tag: null }), "cm1");
});

test("the text of a deploy in progress names its user and target, if known", () => {
  const going = { id: "d", since: "", rollback: true, target: "cm1", description: "", created_by: "ana" };
  assert.match(inProgressText(going), /^A rollback to deploy cm1 by ana is in progress\./);
  assert.match(inProgressText({ ...going, rollback: false, created_by: null }), /^A deploy is in progress\./);
});

test("unhealthy is not taken for healthy", () => {
  assert.deepEqual(["HEALTHY", "UNHEALTHY", "Deploying"].map(healthTone), ["good", "bad", "plain"]);
});

const option = (connection: string, deployment: string): DeploymentOption => ({
  connection,
  deployment,
  label: deployment,
  dag_id: "back",
  may_roll_back: true,
  reason: null,
});
const options = [option("one", "billing"), option("two", "billing"), option("two", "a b&c")];

test("a link selects one of all Deployments of a connection", () => {
  const [named, all] = [{ connection: "apc", deployment: "a", label: "A" }, { connection: "apc", deployment: "*", label: "*" }];
  const options = [named, all] as unknown as DeploymentOption[];
  const link = "?connection=apc&deployment=";
  assert.equal(selectedOption(`${link}a`, options), named);
  assert.deepEqual(selectedOption(`${link}b`, options), { ...all, deployment: "b", label: "b" });
  for (const search of [`${link}*`, link, "", "?connection=other&deployment=b"]) assert.equal(selectedOption(search, options), null);
  assert.equal(selectedOption("", options.slice(1)), null);
});

test("a link contains the selection", () => {
  for (const each of options) {
    const link = new URL(linkTo("/base/plugin/deploy-history", each), "https://airflow");
    assert.equal(link.pathname, "/base/plugin/deploy-history");
    assert.equal(selectedOption(link.search, options), each);
  }
});

test("without a link nothing is selected, unless there is only one option", () => {
  assert.equal(selectedOption("", options), null);
  assert.equal(selectedOption("", [options[0]!]), options[0]);
});

test("a link to a Deployment that is not offered selects nothing", () => {
  const search = "?connection=one&deployment=secret";
  assert.equal(selectedOption(search, [options[0]!]), null);
  assert.equal(namesUnknownOption(search, options), true);
  assert.equal(namesUnknownOption("", options), false);
});

test("a name with its own direction of writing is isolated, any other is unchanged", () => {
  assert.equal(isolated("Billing"), "Billing");
  assert.equal(quoted("a\u202eb"), "“\u2068a\u202eb\u2069”");
  assert.equal(isolated("חיוב"), "\u2068חיוב\u2069");
});

test("a long tag keeps its beginning and its end on a button", () => {
  assert.equal(shortName("release-1"), "release-1");
  const short = shortName(`begin${"x".repeat(117)}end`);
  assert.ok(short.length < 45 && short.startsWith("begin") && short.endsWith("end"));
});

test("a refusal is a word", () => {
  const refused = (change: object, code = "") =>
    refusalLabel(deploy("d", { reasons: [{ code, reason: "", remedy: "" }], ...change }));
  assert.equal(refused({ runs_now: true }), "runs now");
  assert.equal(refused({ status: "failed" }), "failed");
  assert.equal(refused({}, "TARGET-EXPIRED"), "too old");
  assert.equal(refused({}, "AIRFLOW-3-TO-OLD-2"), "not possible");
});

test("texts of others within a sentence of the server are isolated one by one", () => {
  assert.equal(
    sentence("Rolled back from by דנה כהן (rollback cm1). The reason was: “יש תקלה ב-orders, שוב”. Look at it."),
    "Rolled back from by \u2068דנה כהן\u2069 (rollback cm1). The reason was: “\u2068יש תקלה ב-orders, שוב\u2069”. Look at it.",
  );
  assert.equal(sentence("Deploy cm1 by דנה: שוב"), "Deploy cm1 by \u2068דנה\u2069: \u2068שוב\u2069");
  assert.equal(sentence("photo\u202egnp.exe"), "photo\u2068\u202e\u2069gnp.exe");
  assert.equal(sentence("“Nothing” was changed."), "“Nothing” was changed.");
});
