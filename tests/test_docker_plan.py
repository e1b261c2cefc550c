"""What `server=docker` comes to, and what of it makes another point."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from tests.docker_of_ours import DIGEST, NAME, OPENAI, FakeDocker, fake_docker
from tests.serve.test_docker import tell
from tests.test_compose import a_tree
from thorexp import docker_plan
from thorexp.compose import job_config, typed_engine_args
from thorexp.errors import ConfigError, FlagError
from thorexp.prepare import PreparedJob, prepare
from thorexp.serve.docker import Container
from thorexp.serve.image import pull

HARDWARE = ("hardware=jetson_agx_thor", "model=tiny_qwen3")


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDocker]:
    """One that can pull the image, of which nothing is remembered; and a home of its own."""
    monkeypatch.setattr("thorexp.prepare.FLAGS_CACHE", tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in (*docker_plan.HANDED_ON, "HF_HOME"):
        monkeypatch.delenv(variable, raising=False)
    in_another_process(monkeypatch)
    with fake_docker(tmp_path) as running:
        monkeypatch.setenv("FAKE_DOCKER", running.env["FAKE_DOCKER"])
        yield running


def in_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found so far is not remembered but on disk."""
    monkeypatch.setattr(docker_plan, "IMAGES", docker_plan.Images())


def prepared(docker: FakeDocker, *overrides: str) -> PreparedJob:
    """A job in a container on a Thor, as its command line says."""
    words = (*HARDWARE, *docker.words[:2], *overrides)
    return prepare(job_config(a_tree(*words)), typed_engine_args(overrides))


def container_of(job: PreparedJob) -> Container:
    """There must be one."""
    assert job.launch is not None
    assert job.launch.container is not None
    return job.launch.container


def test_the_image_is_the_hardwares(docker: FakeDocker) -> None:
    """Pulled when it is not here, run by its id, recorded by its digest, with the hardware's words before others."""
    job = prepared(docker, "server.docker.args=[--shm-size,16g]")
    found = container_of(job)
    assert (OPENAI["Id"], f"{NAME}@{DIGEST}", 2) == (found.image, job.image, found.given)
    assert ("--runtime", "nvidia", "--shm-size", "16g") == found.args
    assert ("0.99.0", "2.9.0+fake") == (job.vllm_version, job.torch_version)
    assert [["pull", NAME]] == docker.commands("pull")


def test_an_image_is_pulled_and_asked_once_a_process(docker: FakeDocker) -> None:
    """However many jobs a sweep has."""
    for rate in ("load.num_prompts=10", "load.num_prompts=20"):
        prepared(docker, rate)
    assert (1, 2) == (len(docker.commands("pull")), len(docker.commands("run")))


def test_a_typed_image_goes_first(docker: FakeDocker) -> None:
    """One that does not exist is refused by its name, before anything is started."""
    with pytest.raises(ConfigError, match=r"There is no such image") as refused:
        prepared(docker, "server.docker.image=my/vllm:1")
    assert "my/vllm:1" in str(refused.value)
    assert [] == docker.commands("run")


def test_hardware_without_an_image_wants_one(docker: FakeDocker) -> None:
    """The refusal names both keys."""
    with pytest.raises(ConfigError, match="There is no image to run") as refused:
        prepared(docker, "hardware.image=null")
    assert "server.docker.image" in str(refused.value)


def test_a_pull_can_be_forbidden(docker: FakeDocker) -> None:
    """For a board without a network."""
    with pytest.raises(ConfigError, match="is not here"):
        prepared(docker, "server.docker.pull=never")
    assert [] == docker.commands("pull")


def test_a_pull_can_be_asked_for_each_time(docker: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tag may have moved: once a process."""
    prepared(docker)
    in_another_process(monkeypatch)
    prepared(docker, "server.docker.pull=always")
    assert 2 == len(docker.commands("pull"))


def test_flags_are_checked_against_the_image(docker: FakeDocker) -> None:
    """What its vLLM does not know is refused before it is started."""
    with pytest.raises(FlagError, match="--max-num-seq"):
        prepared(docker, "engine.max_num_seq=4")


def test_a_dry_run_pulls_nothing(docker: FakeDocker) -> None:
    """Nor does it make directories; flags stay unchecked where there is no image, or no Docker."""
    assert prepared(docker, "dry_run=true").unchecked
    assert prepared(docker, "dry_run=true", "server.docker.client=no-such-docker").unchecked
    assert ([], False) == (docker.commands("pull"), (docker.state.parent / ".cache").exists())


def test_a_dry_run_knows_an_image_that_was_asked_before(docker: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> None:
    """By another process, on disk: it refuses what a run would."""
    prepared(docker)
    in_another_process(monkeypatch)
    with pytest.raises(FlagError, match="--max-num-seq"):
        prepared(docker, "dry_run=true", "engine.max_num_seq=4")


@pytest.mark.parametrize("asked", ["dry_run=true", "predict=true"])
def test_what_starts_nothing_runs_no_container(docker: FakeDocker, monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    """Nor does it fail where Docker cannot run the image that is here."""
    pull(docker.client, NAME, 60)
    tell(docker, monkeypatch, run_error="docker: Error response from daemon: unknown or invalid runtime name: nvidia.")
    job = prepared(docker, asked)
    assert (OPENAI["Id"], []) == (container_of(job).image, docker.commands("run"))


def test_an_image_of_another_board_is_not_looked_for(docker: FakeDocker) -> None:
    """What is here says nothing of what is there."""
    job = prepared(docker, "sweep.executor=ray")
    assert (NAME, []) == (container_of(job).image, docker.commands())


def test_caches_are_made_before_docker_would_make_them_as_root(docker: FakeDocker) -> None:
    """Both of the defaults, in the user's home."""
    home = docker.state.parent
    volumes = container_of(prepared(docker)).volumes
    assert (
        f"{home}/.cache/huggingface:/root/.cache/huggingface",
        f"{home}/.cache/vllm:/root/.cache/vllm",
    ) == volumes
    assert [True, True] == [(home / ".cache" / name).is_dir() for name in ("huggingface", "vllm")]


def test_the_cache_of_hugging_face_is_where_the_user_has_it(
    docker: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As its own libraries look for it, by HF_HOME."""
    home = docker.state.parent / "on a disk"
    monkeypatch.setenv("HF_HOME", str(home))
    assert (f"{home}:/root/.cache/huggingface", True) == (container_of(prepared(docker)).volumes[0], home.is_dir())


@pytest.mark.parametrize("server", ["vllm", "docker"])
def test_a_user_without_home_is_none_less(docker: FakeDocker, monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    """As below cron and systemd: the home that the system knows is theirs."""
    monkeypatch.delenv("HOME")
    words = (f"server={server}", *docker.words[1:2], "dry_run=true", "server.command=vllm serve")
    job = prepare(job_config(a_tree(*HARDWARE, *words)), frozenset())
    assert job.launch is not None
    volumes = [] if job.launch.container is None else [job.launch.container.volumes[1]]
    assert [f"{Path('~').expanduser()}/.cache/vllm:/root/.cache/vllm"] * (server == "docker") == volumes


@pytest.mark.parametrize("name", ["models", "my.models", "a~b"])
def test_a_volume_of_dockers_own_is_left_to_it(docker: FakeDocker, name: str) -> None:
    """A name without a slash is no directory."""
    volumes = container_of(prepared(docker, f"server.docker.volumes=['{name}:/models:ro']")).volumes
    assert (f"{name}:/models:ro",) == volumes


def test_a_relative_volume_is_a_directory(docker: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of where thorexp runs."""
    monkeypatch.chdir(docker.state.parent)
    volumes = container_of(prepared(docker, "server.docker.volumes=['a/b:/c','.:/d']")).volumes
    here = docker.state.parent
    assert ((f"{here}/a/b:/c", f"{here}:/d"), True) == (volumes, (here / "a/b").is_dir())


def test_a_volume_that_cannot_be_made_is_refused(docker: FakeDocker) -> None:
    """Where a file is in its way, before anything is started."""
    (docker.state.parent / "file").touch()
    with pytest.raises(ConfigError, match="cannot be made") as refused:
        prepared(docker, f"server.docker.volumes=['{docker.state.parent}/file/x:/models']")
    assert "server.docker.volumes" in str(refused.value)


def test_a_volume_that_is_none_is_refused(docker: FakeDocker) -> None:
    """With one that would be."""
    with pytest.raises(ConfigError, match=r"server\.docker\.volumes has '/models'"):
        prepared(docker, "server.docker.volumes=[/models]")


def test_the_users_token_is_handed_on_and_gives_way_to_the_configs(
    docker: FakeDocker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in the environment of a process."""
    monkeypatch.setenv("HF_TOKEN", "hf_users")
    container = container_of(prepared(docker))
    handed = [container.variables(env) for env in ({}, {"HF_TOKEN": "hf_configs"})]
    assert [{"HF_TOKEN": "hf_users"}, {"HF_TOKEN": "hf_configs"}] == handed


def test_a_variable_that_docker_cannot_hold_is_refused(docker: FakeDocker) -> None:
    """Its rest would be taken for another variable."""
    with pytest.raises(ConfigError, match="line break") as refused:
        prepared(docker, "+server.env.MANY='a\nTRITON=1'")
    assert "server.env.MANY" in str(refused.value)


def test_a_prediction_needs_no_image(docker: FakeDocker) -> None:
    """It is of the vLLM whose flags are shipped, and no image's."""
    job = prepared(docker, "predict=true")
    assert (None, []) == (job.image, docker.commands("pull"))


@pytest.mark.parametrize(
    "override", ["server.docker.args=[--shm-size,16g]", "hardware.docker_args=[]", "server.docker.entrypoint=vllm"]
)
def test_another_way_to_run_it_is_another_point(docker: FakeDocker, override: str) -> None:
    """Whatever may decide the result."""
    assert prepared(docker).point != prepared(docker, override).point


def test_another_image_under_that_name_is_another_point(docker: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tag that has moved is measured anew."""
    before = prepared(docker).point
    in_another_process(monkeypatch)
    moved = {**OPENAI, "Id": "sha256:" + 8 * "00000001", "RepoDigests": ["vllm/vllm-openai@sha256:moved"]}
    tell(docker, monkeypatch, registry={NAME: moved})
    for kept in (docker.state / "images").iterdir():
        kept.unlink()
    assert before != prepared(docker).point


@pytest.mark.parametrize(
    "override", ["server.docker.volumes=[]", "server.docker.client='env {client}'", "server.docker.pull_timeout_s=60"]
)
def test_how_docker_is_reached_makes_no_other_point(docker: FakeDocker, override: str) -> None:
    """Nor where its caches are."""
    assert prepared(docker).point == prepared(docker, override.format(client=" ".join(docker.client))).point


def test_a_process_does_not_depend_on_docker(docker: FakeDocker) -> None:
    """Points of `server=vllm` stay what they were, whatever server.docker says."""
    words = ("hardware=cpu", "model=tiny_qwen3", "server.command=no-such-vllm", "dry_run=true")
    jobs = [
        prepare(job_config(a_tree(*words, *more)), frozenset())
        for more in ((), ("server.docker.image=a/b", "server.docker.args=[--init]", "+hardware.image=c/d"))
    ]
    assert asdict(jobs[0].config) != asdict(jobs[1].config)
    assert (jobs[0].point, None) == (jobs[1].point, jobs[1].image)


def remark(docker: FakeDocker, *overrides: str) -> str | None:
    """Of a dry run of a job in a container."""
    return docker_plan.image_remark(job_config(a_tree(*HARDWARE, *docker.words[:2], "dry_run=true", *overrides)))


def test_a_plan_says_whether_the_image_is_here(docker: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its digest; else what becomes of that."""
    assert f"The image {NAME} is not here: it is pulled before anything starts." == remark(docker)
    assert f"The image {NAME} is not here: server.docker.pull=never." == remark(docker, "server.docker.pull=never")
    pull(docker.client, NAME, 60)
    in_another_process(monkeypatch)
    assert f"The image {NAME}@{DIGEST} is here." == remark(docker)
    assert f"The image {NAME}@{DIGEST} is here, and pulled all the same." == remark(docker, "server.docker.pull=always")


def test_a_plan_says_that_docker_does_not_answer(docker: FakeDocker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Why, in the words that a run would end with."""
    tell(docker, monkeypatch, client_error="Cannot connect to the Docker daemon at unix:///var/run/docker.sock.")
    assert f"Whether the image {NAME} is here is not known. The Docker daemon does not run." == remark(docker)


def test_a_plan_for_many_boards_says_nothing_of_this_one(docker: FakeDocker) -> None:
    """Each has images of its own."""
    assert f"The image {NAME} is looked for on each board." == remark(docker, "sweep.executor=slurm")
    assert [] == docker.commands()


@pytest.mark.parametrize("word", ["server=vllm", "predict=true", "rehearse=true"])
def test_a_plan_without_a_container_says_nothing_of_images(docker: FakeDocker, word: str) -> None:
    """None will run."""
    assert (None, []) == (remark(docker, word), docker.commands())


def test_a_dry_run_asks_for_an_image_once(docker: FakeDocker) -> None:
    """However many jobs a sweep has, and its plan."""
    prepared(docker, "dry_run=true")
    remark(docker)
    assert [["image", "inspect", NAME]] == docker.commands()
