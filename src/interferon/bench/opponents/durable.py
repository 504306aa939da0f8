"""Durable execution by another package: DBOS, playbooks as its workflows, no-op steps. Called by `interferon.bench.respond_journal`.

It is imported only when run, and not shipped: optional dependency group `bench`.
"""

import time
from typing import Any


def dbos_steps(url: str, playbooks: int, steps: int) -> float:
    """Steps a second of `playbooks` workflows at once, each of `steps` steps, with its system database at `url`."""
    from dbos import DBOS

    settings: Any = {"name": "bench", "system_database_url": url, "run_admin_server": False, "log_level": "ERROR"}
    DBOS(config=settings)
    try:

        def nothing(number: int) -> int:
            return number

        step: Any = DBOS.step()(nothing)

        def playbook(number: int) -> None:
            for turn in range(steps):
                step(number + turn)

        workflow: Any = DBOS.workflow()(playbook)
        DBOS.launch()
        workflow(0)  # what is made at the first call is not measured
        begin = time.perf_counter()
        for under_way in [DBOS.start_workflow(workflow, number) for number in range(playbooks)]:
            under_way.get_result()
        return playbooks * steps / (time.perf_counter() - begin)
    finally:
        DBOS.destroy(destroy_registry=True)
