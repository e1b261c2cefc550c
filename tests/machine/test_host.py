"""The machine as a whole: how busy its CPUs are and how much of its memory is used."""

import psutil

from tests.machine.test_hwmon import said
from thorexp.machine.host import find

BYTES_PER_GB = 1e9


def test_cpus_are_busy_between_two_reads() -> None:
    """At the first there is nothing to compare with."""
    host = find()
    assert [{"host.memory_gb"}, {"host.memory_gb", "host.cpu_percent"}] == [set(said(host)), set(said(host))]


def test_memory_is_some_of_what_there_is() -> None:
    """This process alone takes more than a megabyte."""
    assert 0.001 < said(find())["host.memory_gb"] < psutil.virtual_memory().total / BYTES_PER_GB
