"""Long work, one at a time in each process."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import timedelta
from inspect import signature
from threading import Event

import pytest
from huey.contrib.djhuey import HUEY
from huey.exceptions import RetryTask

from mailer import tasks
from mailer.tasks import audience_tasks
from site_config import queue

pytestmark = [pytest.mark.everywhere, pytest.mark.django_db]

SWEPT = [
    tasks.remove_leftovers, tasks.look_for_leftovers, tasks.count_clients,
    audience_tasks.run_import, audience_tasks.retract_import, audience_tasks.run_bulk,
    audience_tasks.remove_groups, audience_tasks.look_for_removed_groups,
]  # fmt: skip
DONE_BY = [
    "mailer.sending.pruning.prune_old",
    "mailer.reporting.archiving.make",
    "mailer.audience.attributes.forget_values",
]
PUT_OFF = [tasks.prune, tasks.make_archive, audience_tasks.forget_values]


def by_name(task):
    return task.func.__name__


def arguments_of(task):
    return [0] * len(signature(task.func).parameters)


@pytest.fixture
def busy():
    with queue._long_work:
        yield


@pytest.mark.parametrize("swept", [True, False])
def test_a_process_does_one_long_task_at_a_time(swept):
    begun, may_end, done = Event(), Event(), []

    @queue.long_work(swept=True)
    def first(number):
        begun.set()
        assert may_end.wait(10)
        done.append(number)

    second = queue.long_work(swept=swept)(done.append)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(first, 1)
        assert begun.wait(10)
        with nullcontext() if swept else pytest.raises(RetryTask):
            second(2)
        may_end.set()
        running.result(10)
    second(3)
    assert done == [1, 3]


def test_long_work_that_fails_makes_room():
    def fail():
        raise ValueError("a defect")

    for _ in range(2):
        with pytest.raises(ValueError, match="a defect"):
            queue.long_work(swept=True)(fail)()


@pytest.mark.parametrize("task", SWEPT, ids=by_name)
def test_what_a_sweep_finds_again_is_left_to_it(task, busy, django_assert_num_queries):
    with django_assert_num_queries(0):
        task.call_local(*arguments_of(task))


@pytest.mark.parametrize("task", PUT_OFF, ids=by_name)
def test_what_no_sweep_finds_is_done_a_moment_later(task, monkeypatch):
    done = []
    for place in (
        "sending.pruning.prune_old",
        "reporting.archiving.make",
        "audience.attributes.forget_values",
    ):
        monkeypatch.setattr(f"mailer.{place}", lambda *_, **__: done.append(task))
    HUEY.immediate = False
    HUEY.flush()
    task(*arguments_of(task))
    with queue._long_work:
        HUEY.execute(HUEY.dequeue())
    assert (done, HUEY.pending_count()) == ([], 0)
    [put_off] = HUEY.scheduled()
    assert HUEY.read_schedule(put_off.eta - timedelta(seconds=1)) == []
    [due] = HUEY.read_schedule(put_off.eta)
    HUEY.execute(due, put_off.eta)
    assert done == [task]
    assert HUEY.scheduled() == []
