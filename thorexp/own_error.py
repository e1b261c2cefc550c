"""An error of thorexp's own, as whoever met it is told: in one message, with the traceback in a file."""

import os
import shlex
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from thorexp.errors import InternalError, MachineError, ThorexpError
from thorexp.printed import print_no_secret
from thorexp.refused import refusal, refused_by
from thorexp.secret import masked, shown_command
from thorexp.whole_file import write_whole

FOLDER = Path("outputs") / "errors"  # below the working directory, as all outputs are
EXIT_CODE = 70  # EX_SOFTWARE of sysexits.h; 1 and 2 have meanings of their own
FULL = "HYDRA_FULL_ERROR"  # the switch of Hydra's users
LONGEST = 500_000  # characters of a traceback, the last ones


def told(wrong: BaseException) -> ThorexpError:
    """What is to be said of an exception that nobody expected; its traceback is kept, without secrets.

    One of ours is said as it is. What the machine refused, a full disk or a lack of rights, is no error of thorexp's.
    """
    if isinstance(wrong, ThorexpError):
        return wrong
    says = masked("".join(traceback.format_exception_only(wrong)).strip())
    error: ThorexpError
    if (refused := refused_by(wrong)) is not None:
        said = refusal(refused)
        error = MachineError(said.headline, *((fact.label, masked(fact.text)) for fact in said.facts))
    else:
        remedy = "to report it, please, with that file and the command"
        error = InternalError(
            f"This is an error of thorexp's own: {says}",
            ("traceback", _kept(wrong)),
            ("command", _command()),
            ("try", remedy),
        )
    error.__cause__ = wrong
    return error


def exit_code(wrong: ThorexpError) -> int:
    """What a command ends with that is stopped by it."""
    return EXIT_CODE if isinstance(wrong, InternalError) else 1


def wants_tracebacks() -> bool:
    """Whether errors are to be raised as they are."""
    return os.environ.get(FULL) == "1"


def at_edge(main: Callable[[], int | None]) -> int:
    """The exit code of a command, whatever it raises; 130 when it is interrupted. It prints no secret."""
    print_no_secret()
    try:
        return main() or 0
    except KeyboardInterrupt:
        return 130
    except Exception as wrong:  # this is where all that nobody expected is said
        if wants_tracebacks():
            raise
        error = told(wrong)
        print(error, file=sys.stderr)
        return exit_code(error)


def _kept(wrong: BaseException) -> str:
    """The file with its traceback; the traceback itself where no file can be written."""
    words = masked("".join(traceback.format_exception(wrong)))[-LONGEST:]
    content = f"{_command()}\n\n{words}"
    name = f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{os.getpid()}_{time.monotonic_ns()}.txt"
    folders: tuple[Callable[[], Path], ...] = (lambda: FOLDER, lambda: Path(tempfile.mkdtemp(prefix="thorexp-error-")))
    for folder in folders:
        with suppress(OSError, MachineError):
            return str(write_whole(folder() / name, content.encode("utf-8", "backslashreplace")))
    return words


def _command() -> str:
    """As typed, without secrets."""
    module = getattr(sys.modules.get("__main__"), "__spec__", None)
    name = Path(sys.argv[0]).name if module is None else f"python -m {module.name.removesuffix('.__main__')}"
    return f"{name} {shown_command(shlex.join(sys.argv[1:]))}".rstrip()
