"""Every fault that thorexp is made to survive: what must happen, and the tests that show it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Area = Literal["server", "host", "tracking"]

SERVER = "tests/faults/test_server.py::"
HOST = "tests/faults/test_host.py::"
TRACKING = "tests/faults/test_tracking.py::"
CLIENT = "tests/load/test_client.py::"
SSE = "tests/load/test_sse.py::"
PROCESS = "tests/serve/test_process.py::"
SWEEP = "tests/sweep/test_sweep.py::"
KILL = "tests/sweep/test_kill.py::"
SIGNALS = "tests/sweep/test_signals.py::"
REAL = "tests/real/test_real_faults.py::"
REAL_SWEEP = "tests/real/test_real_sweep.py::"
REAL_KILL = "tests/real/test_real_kill.py::"
REAL_SERVER = "tests/real/test_real_server.py::"

NOT_SO = "a real vLLM does not do that when it is asked to"
NOT_OF_IT = "whatever the server is, it is the same"

REFUSED_REQUEST = "a failed request is data, in the server's words; the others go on"
FAILED_SERVER = "the job fails with cause and remedy; other jobs run; the same command again finishes"
TOLD = "one message with the place and a remedy, exit code 1; no half of a file; the same command again finishes"
REPLAYED = "the record is kept; one message names the replay, which brings it to MLflow"
KILLED = "nothing is left 5 s later; the same command again finishes, each point once"


@dataclass(frozen=True, slots=True)
class Fault:
    """`must`: happen. `shown_by`: tests, by their pytest ids, of which one without brackets stands for all of its
    parameters. `real`: those against a real vLLM, or why there are none.
    """

    area: Area
    name: str
    must: str
    shown_by: tuple[str, ...]
    real: tuple[str, ...] | str = NOT_OF_IT


def _refusals() -> Iterator[Fault]:
    reasons = {
        400: "Bad Request",
        401: "Unauthorized",
        404: "Not Found",
        413: "Content Too Large",
        429: "Too Many Requests",
        500: "Internal Server Error",
        503: "Service Unavailable",
    }
    for number, reason in reasons.items():
        status = f"{number} {reason}"
        of_one = tuple(f"{SERVER}test_a_refusal_is_data[{body}-{status}]" for body in ("in words", "without a body"))
        of_all = f"{SERVER}test_a_server_that_refuses_every_stream_fails_the_job[{status}]"
        all_fail = (of_all,) if number in (401, 500) else ()
        yield Fault("server", str(number), REFUSED_REQUEST, (*of_one, *all_fail), NOT_SO)


def _odd_answers() -> Iterator[Fault]:
    odd = {
        "half a chunk": "half a chunk",
        "wrong content type": "wrong content type",
        "invalid UTF-8": "invalid UTF-8",
        "10 MB without a newline": "10 MiB without a newline",
        "10 MB of a header": "10 MiB of a header",
        "10 MB of a chunk's size": "10 MiB of a chunk's size",
        "tokens after [DONE]": "tokens after [DONE]",
        "no answer at all": "nothing at all",
    }
    for name, given in odd.items():
        shown = f"{SERVER}test_what_is_no_completion_is_data[{given}]"
        yield Fault("server", name, REFUSED_REQUEST, (shown,), NOT_SO)


def _kills() -> Iterator[Fault]:
    stages = (
        "composing",
        "a server loads",
        "mid-load",
        "between record and tracking",
        "making MLflow's tables",
        "tracking",
    )
    tests = (
        "test_nothing_is_left_5_s_after_the_kill",
        "test_the_same_command_again_finishes",
        "test_every_point_is_in_mlflow_exactly_once",
        "test_a_sweep_that_goes_on_stays_in_its_directory",
        "test_what_was_finished_is_not_run_again",
    )
    real = (f"{REAL_KILL}test_a_sweep_that_is_killed_at_every_stage_finishes",)
    for stage in stages:
        yield Fault("host", f"SIGKILL, {stage}", KILLED, tuple(f"{KILL}{test}[{stage}]" for test in tests), real)


FAULTS: tuple[Fault, ...] = (
    Fault("server", "exits at start", FAILED_SERVER,
          (f"{SWEEP}test_a_server_that_dies_at_start_fails_its_points_and_no_others",),
          (f"{REAL_SWEEP}test_servers_that_die_as_they_load_stop_nothing_else",
           f"{REAL}test_a_flag_that_vllm_refuses_is_told_in_its_words")),
    Fault("server", "exits mid-load", FAILED_SERVER,
          (f"{SERVER}test_a_server_that_dies_mid_load_costs_its_job_alone",
           f"{SWEEP}test_a_server_that_dies_under_load_fails_its_point"),
          (f"{REAL_SWEEP}test_an_engine_that_dies_under_load_is_diagnosed_and_its_log_kept",
           f"{REAL}test_a_server_that_is_killed_under_load_costs_its_job_alone")),
    Fault("server", "hangs at start", FAILED_SERVER,
          (f"{SERVER}test_a_server_that_hangs_at_start_is_ended",
           f"{PROCESS}test_a_server_that_never_gets_ready_is_an_error_and_ended"),
          (f"{REAL}test_a_server_that_hangs_as_it_starts_is_ended",)),
    Fault("server", "hangs mid-stream", "requests time out as data; the server is told to hang, and the next job has "
          "another",
          (f"{SERVER}test_a_server_that_hangs_mid_stream_is_told_and_replaced",
           f"{CLIENT}test_what_does_not_come_in_time_is_given_up"),
          (f"{REAL}test_a_server_that_hangs_under_load_is_told_and_replaced",)),
    Fault("server", "hangs for a while", "requests time out as data; the job finishes, and its verdict counts them",
          (f"{SERVER}test_a_server_that_hangs_for_a_while_costs_requests_alone",
           f"{SERVER}test_a_server_that_is_slow_within_patience_does_not_hang"),
          (f"{REAL}test_a_server_that_hangs_for_a_while_costs_requests_alone",)),
    Fault("server", "closes connections", REFUSED_REQUEST,
          (f"{SERVER}test_a_connection_that_closes_without_a_word_is_data",
           f"{CLIENT}test_a_connection_that_closes_in_the_middle_is_a_failure",
           f"{CLIENT}test_a_request_after_a_broken_one_is_a_success"), NOT_SO),
    *_refusals(),
    *_odd_answers(),
    Fault("server", "endless stream", "it is given up when endpoint.timeout_s is over; the others go on",
          (f"{SERVER}test_a_stream_without_an_end_is_given_up",), NOT_SO),
    Fault("server", "usage missing", "counts are absent, and not guessed",
          (f"{CLIENT}test_counts_are_absent_where_the_server_gave_none",), NOT_SO),
    Fault("server", "usage contradicting", "the verdict doubts what is counted",
          (f"{SERVER}test_counts_that_contradict_the_answer_are_a_doubt",), NOT_SO),
    Fault("server", "clock step", "no figure and no duration notices",
          (f"{SERVER}test_a_clock_that_is_set_back_touches_no_figure",)),
    Fault("server", "port taken", "told with its holder, nothing is started",
          (f"{SERVER}test_a_port_that_is_taken_is_told_with_its_holder",
           f"{PROCESS}test_a_port_that_is_taken_is_refused_with_its_holder"),
          (f"{REAL}test_a_port_that_is_taken_is_told_with_its_holder",)),
    Fault("server", "ignores SIGTERM", "it is killed when its time is up",
          (f"{PROCESS}test_a_server_deaf_to_sigterm_is_killed_when_its_time_is_up",), NOT_SO),
    Fault("server", "forks children", "they end with it, and with thorexp",
          (f"{PROCESS}test_a_stopped_server_gives_back_its_port_and_leaves_no_process",
           f"{PROCESS}test_nothing_outlives_a_thorexp_that_is_killed"),
          (f"{REAL_SERVER}test_stopping_it_frees_its_port_and_ends_its_processes",)),
    *_kills(),
    Fault("host", "SIGTERM", "exit code 130, what is complete is kept, no process is left",
          (f"{SIGNALS}test_an_interrupted_sweep_stops_its_server",)),
    Fault("host", "Ctrl-C once", "exit code 130, a table, and the command that goes on",
          (f"{SIGNALS}test_ctrl_c_once_keeps_what_is_complete_and_prints_it",
           f"{SIGNALS}test_ctrl_c_once_names_the_command_that_goes_on")),
    Fault("host", "Ctrl-C twice", "it ends at once; its guard ends the server within 5 s",
          (f"{SIGNALS}test_ctrl_c_twice_ends_at_once",)),
    Fault("host", "disk full", TOLD,
          (f"{HOST}test_a_disk_that_gets_full_is_told_at_any_write",
           f"{HOST}test_a_model_that_finds_no_room_leaves_none_of_it",
           f"{HOST}test_a_disk_that_gets_full_in_a_sweep_costs_what_was_not_kept")),
    Fault("host", "disk full, but for the record", "the job finishes without its page, and says so",
          (f"{HOST}test_a_page_that_finds_no_room_costs_no_record",)),
    Fault("host", "home full or read-only", "the job finishes, and says what it will not remember",
          (f"{HOST}test_a_home_that_takes_nothing_costs_no_job",)),
    Fault("host", "read-only outputs", TOLD, (f"{HOST}test_outputs_that_can_only_be_read_are_told",)),
    Fault("host", "no permission", TOLD, (f"{HOST}test_outputs_of_somebody_else_are_told",)),
    Fault("host", "out of file descriptors", TOLD, (f"{HOST}test_a_process_that_may_not_open_files_says_so",)),
    Fault("host", "memory limit", TOLD,
          (f"{HOST}test_a_process_without_memory_says_so",
           f"{PROCESS}test_a_server_killed_by_somebody_is_said_to_be_dead")),
    Fault("tracking", "server down at start", f"told at the start; {REPLAYED}",
          (f"{TRACKING}test_a_server_that_does_not_work_is_told_at_the_start[down]",)),
    Fault("tracking", "server down mid-sweep", f"{REPLAYED}, as does the same command",
          (f"{TRACKING}test_a_server_that_goes_in_a_sweep_costs_nothing[mid-sweep]",)),
    Fault("tracking", "server down at the end", f"{REPLAYED}, as does the same command",
          (f"{TRACKING}test_a_server_that_goes_in_a_sweep_costs_nothing[at the end]",)),
    Fault("tracking", "slow", "the job waits for it and is tracked",
          (f"{TRACKING}test_a_server_that_works_badly_is_borne[slow]",)),
    Fault("tracking", "never answers", f"told at the start; {REPLAYED}",
          (f"{TRACKING}test_a_server_that_does_not_work_is_told_at_the_start[silent]",)),
    Fault("tracking", "500s", f"told at the start; {REPLAYED}; now and then, they are borne",
          (f"{TRACKING}test_a_server_that_does_not_work_is_told_at_the_start[500s]",
           f"{TRACKING}test_a_server_that_works_badly_is_borne[500s now and then]")),
    Fault("tracking", "database locked", f"for a while: waited for, aloud; longer: {REPLAYED}",
          (f"{TRACKING}test_a_database_that_is_locked_for_a_while_is_waited_for",
           f"{TRACKING}test_a_database_that_stays_locked_is_told",
           f"{TRACKING}test_a_store_that_another_process_fills_is_waited_for_aloud")),
    Fault("tracking", "artifact store read-only", REPLAYED,
          (f"{TRACKING}test_artifacts_that_can_only_be_read_cost_no_record",)),
    Fault("tracking", "disk full", REPLAYED, (f"{TRACKING}test_a_disk_of_mlflow_that_gets_full_costs_no_record",)),
)  # fmt: skip
