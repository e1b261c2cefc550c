"""A job as a page of its own."""

import logging
from dataclasses import replace

from thorexp import rundir
from thorexp.config import JobConfig
from thorexp.errors import ThorexpError
from thorexp.html.document import document
from thorexp.html.point import point_section
from thorexp.rundir import RunDir

log = logging.getLogger(__name__)


def keep_page(config: JobConfig, run_dir: RunDir) -> None:
    """Write the job as a page, of what its run directory holds: after its other files, but for record.json.

    Without a page a job is whole: that it cannot be drawn is said, and not raised.
    """
    try:
        run_dir.write_text(rundir.PAGE, _page(config, run_dir))
    except (ThorexpError, OSError, ValueError, MemoryError) as undrawn:
        log.warning(
            "%s could not be written: %s\nNothing has to be measured again: %s beside it has the numbers.",
            run_dir.path / rundir.PAGE,
            str(undrawn) or type(undrawn).__name__,
            rundir.RESULT,
        )


def _page(config: JobConfig, run_dir: RunDir) -> str:
    title = f"{config.model.name} {config.load.name} on {config.hardware.name}"
    lead = (f"{config.model.repository} on {config.hardware.description}.",)
    section = replace(point_section(run_dir, "The job", "job", {}), folded=False)
    return document(title, lead, (section,))
