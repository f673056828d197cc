// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeploymentOption } from "../src/api/contract";
import { chosenIn, linkTo, namesAnother } from "../src/host/choice";
import { goingOnWords, healthTone, nameOf, typeWords } from "../src/model/words";

test("the platform's types are written as people say them", () => {
  assert.equal(typeWords("IMAGE_AND_DAG"), "Image and Dag");
  assert.equal(typeWords("DAG_ONLY"), "Dag only");
  assert.equal(typeWords("CONFIG_SYNC"), "Config sync");
  assert.equal(typeWords(""), "");
});

test("a deploy is called by its tag, or by its id where it has none", () => {
  assert.equal(nameOf({ id: "cm1", image_tag: "release-1" }), "release-1");
  assert.equal(nameOf({ id: "cm1", image_tag: null }), "cm1");
});

test("what is going on is said with who and where to, as far as known", () => {
  const going = { id: "d", since: "", rollback: true, target: "cm1", description: "", created_by: "ana" };
  assert.match(goingOnWords(going), /^A rollback to deploy cm1 by ana is going on\./);
  assert.match(goingOnWords({ ...going, rollback: false, created_by: null }), /^A deploy is going on\./);
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

test("a link carries the choice there and back", () => {
  for (const each of options) {
    const link = new URL(linkTo("/base/plugin/deploy-history", each), "https://airflow");
    assert.equal(link.pathname, "/base/plugin/deploy-history");
    assert.equal(chosenIn(link.search, options), each);
  }
});

test("nothing is chosen without a link, unless there is nothing to choose", () => {
  assert.equal(chosenIn("", options), null);
  assert.equal(chosenIn("", [options[0]!]), options[0]);
});

test("a link to what is not offered chooses nothing else instead", () => {
  const search = "?connection=one&deployment=secret";
  assert.equal(chosenIn(search, [options[0]!]), null);
  assert.equal(namesAnother(search, options), true);
  assert.equal(namesAnother("", options), false);
});
