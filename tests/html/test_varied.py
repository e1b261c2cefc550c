"""What sets configs apart."""

from thorexp.html.varied import differences, varied

LOW = {"load": {"name": "low", "num_prompts": 10}, "workload": {"seed": 0}}
HIGH = {"load": {"name": "high", "num_prompts": 100}, "workload": {"seed": 0}}


def test_what_differs_is_named_by_its_dotted_key() -> None:
    """What all share is not."""
    assert ("load.name", "load.num_prompts") == varied([LOW, HIGH])


def test_what_one_config_lacks_differs() -> None:
    """Whichever it is."""
    assert ("slo.ttft_ms",) == varied([LOW, LOW | {"slo": {"ttft_ms": 500.0}}])


def test_one_config_differs_from_none() -> None:
    """Neither do configs that are alike."""
    assert ((), ()) == (varied([LOW]), varied([LOW, LOW]))


def test_what_goes_with_a_models_name_is_left_out() -> None:
    """Of 40 keys of an architecture nobody varied one; what was typed beside the name is told."""
    models = [{"model": {"name": name, "layers": layers}} for name, layers in (("a", 28), ("b", 64))]
    assert ("model.name",) == varied(models)
    assert ("model.name", "model.layers") == varied([*models, {"model": {"name": "b", "layers": 2}}])


def test_differences_are_as_typed() -> None:
    """Of the keys that this config has."""
    assert {"load.num_prompts": "10"} == differences(LOW, ("load.num_prompts", "slo.ttft_ms"))


def test_secrets_differ_and_are_not_told() -> None:
    """That they do is."""
    one, other = ({"engine": {"api_key": key}, "server": {"base_url": f"http://a:{key}@thor"}} for key in ("a", "b"))
    keys = varied([one, other])
    assert {"engine.api_key": "***", "server.base_url": "http://***@thor"} == differences(one, keys)
