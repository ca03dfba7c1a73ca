"""The two pools of workers: `engine` runs the jobs of providers that compute on this machine, `network` those of hosted
providers, which wait. Each job service has a queue in each, so that a fit never holds up a call."""

from __future__ import annotations

from typing import Final

ENGINE: Final = "engine"
NETWORK: Final = "network"
POOLS: Final = (ENGINE, NETWORK)


def queue_in(pool: str, queue: str) -> str:
    """Return the name of a job service's queue in a pool. Names are stored: they must not change."""
    return f"{queue}-{pool}"


def parse_pools(text: str) -> tuple[str, ...]:
    """Parse `engine,network`. Raises ValueError, with a message for the operator, for any other name or none."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in POOLS]
    if unknown or not names:
        wrong = f"There are no queues {unknown[0]!r}." if unknown else "No queues are named."
        raise ValueError(f"{wrong} Give `engine`, `network` or both: `engine,network`.")
    return tuple(pool for pool in POOLS if pool in names)


def pools_of_workers(count: int) -> list[tuple[str, ...]]:
    """Return which pools each of `count` workers on one machine takes. The first of several has the engine to itself,
    which has the processor; the others wait for providers."""
    return [POOLS] * count if count < 2 else [(ENGINE,), *[(NETWORK,)] * (count - 1)]
