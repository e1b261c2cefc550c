"""A server's /metrics page, Prometheus text, as numbers and labels."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


def totals(page: str) -> Mapping[str, float]:
    """Each sample by its name, summed over engines and whatever else labels it; none where it is no such page."""
    sums: dict[str, float] = {}
    for sample in _samples(page):
        sums[sample.name] = sums.get(sample.name, 0.0) + sample.value
    return sums


def whole_labels(page: str, name: str, label: str) -> tuple[int, ...]:
    """What a label of the samples of that name says, in order, where it says a whole number."""
    said = (sample.labels.get(label, "") for sample in _samples(page) if sample.name == name)
    return tuple(int(each) for each in said if each.isdecimal())


def labels(page: str, name: str) -> tuple[Mapping[str, str], ...]:
    """Of each sample of that name, in order."""
    return tuple(sample.labels for sample in _samples(page) if sample.name == name)


def _samples(page: str) -> list[Sample]:
    try:
        return [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    except ValueError:
        return []
