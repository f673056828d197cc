# SPDX-License-Identifier: Apache-2.0
"""The embedded platform: a server on loopback that behaves as Astro's two platforms are publicly known to.

One world with two faces: Astro Private Cloud's GraphQL and hosted Astro's REST.

For tests of this package and of users' own Dags. It shares no code with the client, so that each shows the
other's mistakes, and it runs without Airflow (extra ``sandbox``: Starlette, uvicorn).

===================  =====================================================================================
``world``            the platform as one state machine under an injected clock, without any face
``model``            what it consists of; a deploy's status is a function of the clock
``rules``            when it refuses a rollback; ``versions`` reads Runtimes for it
``building``         makes Deployments from short descriptions; ``histories``, ``seeds``, ``scenarios`` use it
``graphql_api``      Houston's face: ``schema.graphql``, ``graphql_schema``, ``resolvers``, ``houston_views``
``houston``          that face over HTTP
``astro_api``        hosted Astro's face: one function an operation; ``astro_parameters``, ``astro_views``
``astro``            that face over HTTP
``delivery``         what both do with an ``answer`` and the scripted ``faults``; ``connections`` cuts some
``sessions``         who asks which face, and may see what
``control``          the tests' face, ``/__sandbox__/…``; its ``commands``, the ``settings`` they change
``server``           the process; ``app``, ``state``, ``welcome`` belong to it
``process``          starts that process; ``client`` talks to it; ``fixtures`` hands it to pytest
===================  =====================================================================================

Where it departs from the real platform, or had to guess, is listed in ``docs/sandbox.md`` under "How it
differs from the real platform". In short: the shapes of the deploy history and of the rollback mutation, most
texts of refusals, and which scope fits which Dag deploy mechanism are assumed; nothing is deployed, time
passes in the rows alone.
"""
