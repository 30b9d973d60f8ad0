"""A listener always has a place for another caller, and takes it from the one who needs it least."""

from dataclasses import dataclass, field
from itertools import count

from service.net.connections import Connections


@dataclass(eq=False)
class Fake:
    """A connection that records what is done to it."""

    idle_since: float | None = 0.0
    is_new: bool = False
    has_unread: bool = False
    done: list[str] = field(default_factory=list)

    def refuse(self) -> None:
        self.done.append("refused")

    def abort(self) -> None:
        self.done.append("aborted")

    def check(self, now: float) -> None:
        self.done.append(f"checked {now}")


def filled(places: int, *given: tuple[str, Fake]) -> Connections:
    """Return connections with these, and with `places` in all before any is refused; spare ones are not counted."""
    connections = next(found for found in map(Connections, count(places)) if found.most == places)
    for host, fake in given:
        connections.add(fake, host)
    return connections


def test_the_one_that_waits_longest_makes_room():
    """When all places are taken, the connection that has heard least lately from its client is closed."""
    old, older, busy, new = Fake(2.0), Fake(1.0), Fake(None), Fake(3.0)
    filled(3, ("a", old), ("b", older), ("c", busy)).add(new, "d")
    assert [fake.done for fake in (old, older, busy, new)] == [[], ["aborted"], [], []]


def test_the_address_with_most_makes_room():
    """An address with many connections loses one before an address with few, whatever their ages."""
    alone, first, second = Fake(1.0), Fake(2.0), Fake(3.0)
    filled(3, ("a", alone), ("b", first), ("b", second)).add(Fake(4.0), "c")
    assert [fake.done for fake in (alone, first, second)] == [[], ["aborted"], []]


def test_what_is_unread_counts():
    """A connection whose request has come, and is still to be read, does not make room for another."""
    waits, silent = Fake(1.0, is_new=True, has_unread=True), Fake(2.0, is_new=True)
    filled(3, ("a", waits), ("b", silent), ("c", Fake(None))).add(Fake(3.0, is_new=True), "d")
    assert [fake.done for fake in (waits, silent)] == [[], ["aborted"]]


def test_one_that_was_lost_since():
    """A connection that was lost after it was found idle is not closed again in place of one that is open."""
    first, lost, last = [Fake(float(n)) for n in range(3)]
    connections = filled(4, ("a", first), ("a", lost), ("a", last))
    connections.add(Fake(None), "a")  # Finds all three, and closes the first.
    for gone in (first, lost):
        connections.discard(gone)
    for _ in range(2):
        connections.add(Fake(None), "a")
    assert [fake.done for fake in (first, lost, last)] == [["aborted"], [], ["aborted"]]


def test_a_caller_in_a_crowd():
    """A caller at work does not lose a connection to a crowd of addresses by having one more than each of them."""
    silent = [(host, Fake(float(n), is_new=True)) for n, host in enumerate("aabbcc")]
    caller = [Fake(7.0, is_new=True) for _ in range(3)]
    connections = filled(9, *silent, *(("d", fake) for fake in caller))
    for host in "abc":
        connections.add(Fake(8.0, is_new=True), host)
    assert [fake.done for _, fake in silent[:3]] == [["aborted"]] * 3
    assert [fake.done for fake in caller] == [[]] * 3


def test_silent_connections_do_not_close_used_ones():
    """Once half of the places hold connections without a request, those make room for each other."""
    used = Fake(0.0)
    silent = [Fake(float(n), is_new=True) for n in range(1, 4)]
    filled(4, ("a", used), *(("b", fake) for fake in silent[:2]), ("c", silent[2])).add(Fake(9.0, is_new=True), "d")
    assert used.done == []
    assert silent[0].done == ["aborted"]


def test_used_connections_do_not_close_arriving_ones():
    """A connection whose first request is on its way is not closed for others, while idle ones can be."""
    arriving, idle = Fake(1.0, is_new=True), [Fake(float(n)) for n in range(2, 5)]
    filled(4, ("a", arriving), *((host, fake) for host, fake in zip("bcd", idle, strict=True))).add(Fake(9.0), "e")
    assert arriving.done == []
    assert idle[0].done == ["aborted"]


def test_refused_if_all_are_at_work():
    """A connection beyond the places is refused if no other waits for its client."""
    connections = filled(3, *((host, Fake(None)) for host in "abc"))
    connections.add(new := Fake(9.0), "d")
    assert new.done == ["refused"]


def test_small_addresses_keep_theirs():
    """An idle connection does not make room for another of an address that has more, all of them at work."""
    idle = Fake(1.0)
    connections = filled(4, ("a", idle), *(("b", Fake(None)) for _ in range(3)))
    connections.add(more := Fake(9.0), "b")
    assert (idle.done, more.done) == ([], ["refused"])


def test_an_equal_share_when_all_are_at_work():
    """An address that holds less than an equal share takes the newest place of the one that holds most."""
    working = [Fake(None) for _ in range(8)]
    connections = filled(8, *((host, fake) for host, fake in zip("aaaaabbb", working, strict=True)))
    connections.add(new := Fake(9.0), "c")
    assert new.done == []
    assert [fake.done for fake in working] == [[], [], [], [], ["aborted"], [], [], []]


def test_one_address_leaves_places():
    """An address that has three quarters of the places gets no more, though there are places left."""
    busy = [Fake(None) for _ in range(3)]
    connections = filled(4, *(("a", fake) for fake in busy))
    connections.add(more := Fake(1.0), "a")
    assert more.done == ["refused"]
    assert [fake.done for fake in busy] == [[]] * 3
    connections.add(other := Fake(None), "b")
    assert other.done == []


def test_a_network_is_one_address():
    """The addresses of an IPv6 network of 64 bits count together; those of IPv4 do not, in either notation."""
    for hosts, refused in (
        (("2001:db8::1", "2001:db8::2", "2001:db8::ffff", "2001:db8::4"), True),
        (("2001:db8::1", "2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:0:3::1"), False),
        (("::ffff:10.0.0.1", "::ffff:10.0.0.2", "::ffff:10.0.0.3", "::ffff:10.0.0.4"), False),
    ):
        fakes = [(host, Fake(None)) for host in hosts]
        filled(4, *fakes)
        assert (fakes[-1][1].done == ["refused"]) == refused


def test_full():
    """While one more waits to be refused, others are closed at once, and nobody is kept in the queue of the kernel."""
    working = [Fake(None) for _ in range(3)]
    connections = filled(3, *(("a", fake) for fake in working))
    connections.add(refused := Fake(None), "a")
    connections.add(closed := Fake(None), "a")
    assert (refused.done, closed.done) == (["refused"], ["aborted"])
    assert connections.full
    connections.discard(closed)
    connections.discard(closed)  # Lost twice, as when a handshake fails late.
    assert not connections.full


def test_silent_ones_of_many_addresses():
    """Connections without a request make room for a caller whose others are at work, though it has more than each."""
    silent = [("a", Fake(1.0, is_new=True)), ("b", Fake(2.0, is_new=True)), ("c", Fake(3.0, is_new=True))]
    connections = filled(5, *silent, *(("d", Fake(None)) for _ in range(2)))
    connections.add(late := Fake(4.0, is_new=True), "d")
    assert (silent[0][1].done, late.done) == (["aborted"], [])


def test_a_place_passes_on():
    """The connection that follows an arrival has its place and no second one."""
    connections = filled(3, ("a", arrival := Fake(1.0, is_new=True)), *(("b", Fake(None)) for _ in range(2)))
    connections.replace(arrival, by := Fake(None))
    connections.add(Fake(1.0), "c")
    connections.discard(by)
    assert not connections.full


def test_all_are_checked():
    """The check reaches each connection once."""
    fakes = [Fake() for _ in range(3)]
    filled(3, *(("a", fake) for fake in fakes)).check(7.0)
    assert [fake.done for fake in fakes] == [["aborted", "checked 7.0"], ["checked 7.0"], ["checked 7.0"]]


def test_new_ones_end_first():
    """At the stop, connections without a request are closed, and the others left."""
    fakes = [Fake(None, is_new=True), Fake(None)]
    filled(3, *(("a", fake) for fake in fakes)).abort_new()
    assert [fake.done for fake in fakes] == [["aborted"], []]
