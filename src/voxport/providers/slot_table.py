"""Which process has which slots of an account, as a table that all processes read and write in turn.

A slot that becomes free goes to the process with the fewest slots and recent assignments for each of its clients, as in
`fair_queue.py`. A process keeps slots that it does not use while no other needs them, so that its next call costs
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from voxport.providers.slots import CallLimit, Demand, LimitChange, SlotHolder

_DECAY: Final = 0.9
"""Factor by which the recent assignments of all processes shrink at each further assignment."""
_MAX_SLOTS: Final = 100_000


@dataclass
class Claim:
    """The part of a process: the slots that it has, how many calls run or wait there, and of how many clients."""

    slots: int = 0
    wanted: int = 0
    clients: int = 1
    recent: float = 0.0

    @property
    def is_short(self) -> bool:
        return self.slots < self.wanted

    @property
    def load(self) -> float:
        return (self.slots + self.recent) / self.clients


@dataclass
class SlotTable:
    default: CallLimit
    limit: CallLimit
    claims: dict[str, Claim] = field(default_factory=dict)

    @property
    def free(self) -> int:
        """Negative if the limit was lowered below the slots that are taken."""
        return self.limit.calls - sum(claim.slots for claim in self.claims.values())

    def refresh(
        self, owner: str, demand: Demand, changes: list[LimitChange], holder: SlotHolder, *, is_idle: bool
    ) -> None:
        """Apply the demand of a process and its changes of the limit, and give free slots to those who need them."""
        if not self.claims:  # what the account allowed before all were idle may no longer be so
            self.limit = CallLimit(min(self.limit.calls, self.default.max_calls), self.default.max_calls)
        mine = self.claims.setdefault(owner, Claim())
        for change in changes:
            others = sum(min(claim.slots, claim.wanted) for name, claim in self.claims.items() if name != owner)
            self.limit = change(self.limit, others + demand.active)
        # Calls that run have their slots, even if the claim of this process has expired meanwhile.
        mine.slots = max(mine.slots - demand.returned, demand.active)
        mine.wanted = min(demand.active + demand.waiting, self.limit.calls)
        mine.clients = max(1, demand.clients)
        if self.must_return(owner) or is_idle:
            self._give_up(mine, 0 if is_idle else max(mine.wanted, demand.active), holder)
        if self.free < 0:
            self._give_up(mine, max(mine.slots + self.free, demand.active), holder)
        is_growing = mine.is_short
        self._assign()
        if is_growing and not any(claim.is_short for claim in self.claims.values()):
            mine.slots += max(0, min(self.free, mine.wanted))  # so that growth asks for slots a few times only
        if not mine.slots and not mine.wanted:
            del self.claims[owner]

    def must_return(self, owner: str) -> bool:
        """Whether the process should give up slots that it does not use, and those of calls that end."""
        return self.free < 0 or any(claim.is_short for name, claim in self.claims.items() if name != owner)

    def _assign(self) -> None:
        while self.free > 0:
            short = [claim for claim in self.claims.values() if claim.is_short]
            if not short:
                return
            claim = min(short, key=lambda one: one.load)
            claim.slots += 1
            for other in self.claims.values():
                other.recent = round(other.recent * _DECAY, 3)
            claim.recent += 1.0

    @staticmethod
    def _give_up(mine: Claim, slots: int, holder: SlotHolder) -> None:
        """Reduce the slots of this process, but not below its calls. It begins none beyond them from here on."""
        if slots < mine.slots:
            mine.slots = max(slots, holder.shrink(slots))

    def write_to(self, shared: dict[str, Any], members: dict[str, dict[str, Any]]) -> None:
        """Write the table as JSON. What else stands in the members stays there."""
        shared.update(limit=self.limit.calls, max_calls=self.limit.max_calls)
        for owner in members.keys() - self.claims.keys():
            del members[owner]
        for owner, claim in self.claims.items():
            members.setdefault(owner, {}).update(asdict(claim))

    @classmethod
    def read_from(cls, shared: Mapping[str, Any], members: Mapping[str, Any], default: CallLimit) -> SlotTable:
        """Read a table that `write_to` wrote. What is missing or no number gets a default."""
        return cls(
            default,
            CallLimit(
                int(_number(shared, "limit", default.calls, 1)), int(_number(shared, "max_calls", default.max_calls, 1))
            ),
            {
                owner: Claim(
                    int(_number(member, "slots", 0)),
                    int(_number(member, "wanted", 0)),
                    int(_number(member, "clients", 1, 1)),
                    _number(member, "recent", 0),
                )
                for owner, member in members.items()
            },
        )


def _number(values: Mapping[str, Any], name: str, default: float, minimum: float = 0) -> float:
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return default
    return min(max(value, minimum), _MAX_SLOTS)
