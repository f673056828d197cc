// SPDX-License-Identifier: Apache-2.0
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Place } from "../src/api/contract";
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

const place = (connection: string, deployment: string): Place => ({
  connection,
  deployment,
  label: deployment,
  dag_id: "back",
  may_roll_back: true,
  reason: null,
});
const places = [place("one", "billing"), place("two", "billing"), place("two", "a b&c")];

test("a link carries the choice there and back", () => {
  for (const each of places) {
    const link = new URL(linkTo("/base/plugin/deploy-history", each), "https://airflow");
    assert.equal(link.pathname, "/base/plugin/deploy-history");
    assert.equal(chosenIn(link.search, places), each);
  }
});

test("nothing is chosen without a link, unless there is nothing to choose", () => {
  assert.equal(chosenIn("", places), null);
  assert.equal(chosenIn("", [places[0]!]), places[0]);
});

test("a link to what is not offered chooses nothing else instead", () => {
  const search = "?connection=one&deployment=secret";
  assert.equal(chosenIn(search, [places[0]!]), null);
  assert.equal(namesAnother(search, places), true);
  assert.equal(namesAnother("", places), false);
});
