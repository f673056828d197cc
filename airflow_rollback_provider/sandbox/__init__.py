# SPDX-License-Identifier: Apache-2.0
"""The embedded platform: a loopback server that behaves as the documents of Astro's two platforms say.

One world with two APIs: Astro Private Cloud's GraphQL and hosted Astro's REST.

It is for tests of this package and of users' own Dags. It shares no code with the client, so that each
reveals the other's mistakes. It runs without Airflow (extra ``sandbox``: Starlette, uvicorn).

===================  =====================================================================================
``world``            the platform as one state machine under an injected clock, without any API
``model``            its parts; a deploy's status is a function of the clock
``rules``            the rules for rollbacks; ``versions`` parses Runtimes for them
``factories``        makes Deployments from short descriptions; ``histories``, ``seeds``, ``scenarios`` use it
``graphql_api``      Houston's API: ``schema.graphql``, ``graphql_schema``, ``resolvers``, ``houston_views``
``houston``          that API over HTTP
``astro_api``        hosted Astro's API: one function an operation; ``astro_parameters``, ``astro_views``
``astro``            that API over HTTP
``delivery``         sends an ``answer`` or a scripted fault (``faults``); ``connections`` cuts a connection
``sessions``         the token of a request, and its rights
``control``          the control API of tests, ``/__sandbox__/…``; its ``commands`` and ``settings``
``server``           the process, with ``app`` and ``state``
``process``          starts that process; ``client`` calls it; ``fixtures`` are for pytest
===================  =====================================================================================

Differences from the real platform, and assumptions, are listed in ``docs/sandbox.md`` under "How it
differs from the real platform". In short: the shapes of the deploy history and of the rollback mutation, most
texts of refusals, and the scopes of each Dag deploy mechanism are assumed. Nothing is deployed: only the rows
change with time.
"""
