"""The table of claims: whatever the processes do, no slot is lost and none is given twice."""

from __future__ import annotations

import random

import pytest

from voxport.providers.slot_table import SlotTable
from voxport.providers.slots import CallLimit, Demand, Grant

LIMIT = CallLimit(6, 6)


class FakeHolder:
    """A process whose calls a test begins and ends. It uses what it was granted at its last turn."""

    def __init__(self) -> None:
        self.capacity = self.active = self.waiting = self.returned = self.admissions = 0

    def demand(self) -> Demand:
        return Demand(self.active, self.waiting, 1, self.returned, self.admissions)

    def shrink(self, slots: int) -> int:
        self.capacity = min(self.capacity, slots)
        return self.active

    def on_granted(self, grant: Grant, *, returned: int) -> None:
        self.capacity, self.returned = grant.slots, 0
        begun = min(self.waiting, max(0, self.capacity - self.active))
        self.waiting -= begun
        self.active += begun

    def turn(self, table: SlotTable, name: str, must_return: dict[str, bool]) -> SlotTable:
        table.refresh(name, self.demand(), [], self, is_idle=False)
        claim = table.claims.get(name)
        self.on_granted(Grant(claim.slots if claim else 0, table.limit), returned=self.returned)
        must_return[name] = table.must_return(name)
        shared: dict[str, object] = {}
        members: dict[str, dict[str, object]] = {}
        table.write_to(shared, members)
        return SlotTable.read_from(shared, members, LIMIT)


@pytest.mark.parametrize("seed", range(20))
def test_no_slot_is_lost_and_none_is_given_twice(seed: int) -> None:
    choose, table = random.Random(seed), SlotTable(LIMIT, LIMIT)
    holders, must_return = {name: FakeHolder() for name in "abcd"}, dict.fromkeys("abcd", False)
    for _ in range(500):
        name = choose.choice("abcd")
        holder = holders[name]
        if choose.random() < 0.5:
            holder.waiting += 1
            holder.admissions += 1
        elif holder.active:
            holder.active -= 1
            if must_return[name]:
                holder.returned += 1
                holder.capacity -= 1
        if choose.random() < 0.7:
            table = holder.turn(table, name, must_return)
        assert sum(one.active for one in holders.values()) <= LIMIT.calls
        assert sum(claim.slots for claim in table.claims.values()) <= LIMIT.calls
    for _ in range(200):  # all calls end, and nobody is left waiting
        for name, holder in holders.items():
            if holder.active:
                holder.active -= 1
                holder.returned += must_return[name]
            table = holder.turn(table, name, must_return)
    assert [(one.active, one.waiting) for one in holders.values()] == [(0, 0)] * 4


def test_an_expired_process_counts_its_running_calls_again_and_gets_no_more() -> None:
    table, first, second = SlotTable(LIMIT, LIMIT), FakeHolder(), FakeHolder()
    must_return: dict[str, bool] = {}
    first.waiting = second.waiting = 6
    table = first.turn(table, "first", must_return)
    del table.claims["first"]  # its claim expires while its calls run
    table = second.turn(table, "second", must_return)
    table = first.turn(table, "first", must_return)
    assert (first.active, second.active) == (6, 6)
    assert must_return == {"first": True, "second": False}
    second.waiting = 1
    table = second.turn(table, "second", must_return)
    assert must_return["second"]
    assert second.active == 6
