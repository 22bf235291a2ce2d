"""Long work, one at a time in each process."""

from concurrent.futures import ThreadPoolExecutor
from inspect import signature
from threading import Event

import pytest

from mailer import tasks
from mailer.tasks import audience_tasks
from site_config.queue import _long_work, long_work

LONG = [
    tasks.prune, tasks.remove_leftovers, tasks.look_for_leftovers, tasks.count_clients, tasks.make_archive,
    audience_tasks.run_import, audience_tasks.retract_import, audience_tasks.run_bulk,
    audience_tasks.remove_groups, audience_tasks.look_for_removed_groups,
]  # fmt: skip


@pytest.mark.everywhere
def test_a_process_does_one_long_task_after_the_other():
    begun, may_end, done = Event(), Event(), []

    @long_work
    def first(number):
        begun.set()
        assert may_end.wait(10)
        done.append(number)

    @long_work
    def second(number):
        done.append(number)

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(first, 1)
        assert begun.wait(10)
        for number in (2, 3, 2):  # a sweep found it again
            second(number)
        assert done == []
        may_end.set()
        running.result(10)
    assert done == [1, 2, 3]
    second(4)
    assert done == [1, 2, 3, 4]


@pytest.mark.everywhere
def test_long_work_that_fails_keeps_no_other_waiting(caplog):
    done = []

    @long_work
    def fail(number):
        long_work(done.append)(number + 1)  # which has to wait
        raise ValueError("a defect")

    fail(1)
    assert done == [2]
    [record] = caplog.records
    assert (record.getMessage(), str(record.exc_info[1])) == ("fail(1,) failed", "a defect")


@pytest.mark.parametrize("task", LONG, ids=lambda task: task.func.__name__)
def test_what_takes_long_waits_for_its_turn(task, monkeypatch):
    asked = []
    monkeypatch.setattr(_long_work, "do", lambda task, arguments: asked.append((task.__name__, arguments)))
    arguments = (0,) * len(signature(task.func).parameters)
    task.call_local(*arguments)
    assert asked == [(task.func.__name__, arguments)]
