// SPDX-License-Identifier: Apache-2.0
// A real Apollo Server over the embedded platform's schema, without introspection: node server.mjs 5|3 SCHEMA
// It prints its address, and a line for each mutation that runs.
import { readFileSync } from "node:fs";

const [generation, schema] = process.argv.slice(2);
const options = {
  typeDefs: readFileSync(schema, "utf-8"),
  introspection: false,
  resolvers: {
    Mutation: {
      rollbackDeployment: () => {
        console.log("a mutation ran");
        throw new Error("a mutation ran");
      },
    },
  },
};
const listen = { port: 0, host: "127.0.0.1" };
if (generation === "5") {
  const { ApolloServer } = await import("@apollo/server");
  const { startStandaloneServer } = await import("@apollo/server/standalone");
  const { url } = await startStandaloneServer(new ApolloServer(options), { listen });
  console.log(url);
} else {
  const { default: apollo } = await import("apollo-server");
  const { url } = await new apollo.ApolloServer(options).listen(listen);
  console.log(url);
}
