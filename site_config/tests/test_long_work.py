"""Long work, one at a time in each process."""

from concurrent.futures import ThreadPoolExecutor
from inspect import signature
from threading import Event

import pytest
from huey.exceptions import RetryTask

from mailer import tasks
from mailer.tasks import audience_tasks
from site_config import queue

LONG = [
    tasks.prune, tasks.remove_leftovers, tasks.look_for_leftovers, tasks.count_clients, tasks.make_archive,
    audience_tasks.run_import, audience_tasks.retract_import, audience_tasks.forget_values,
    audience_tasks.run_bulk, audience_tasks.remove_groups, audience_tasks.look_for_removed_groups,
]  # fmt: skip


def test_a_process_does_one_long_task_at_a_time():
    begun, may_end, done = Event(), Event(), []

    @queue.long_work
    def first(number):
        begun.set()
        assert may_end.wait(10)
        done.append(number)

    second = queue.long_work(done.append)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(first, 1)
        assert begun.wait(10)
        with pytest.raises(RetryTask) as put_off:
            second(2)
        assert put_off.value.delay == 5
        may_end.set()
        running.result(10)
    second(3)
    assert done == [1, 3]


def test_long_work_that_fails_makes_room():
    def fail():
        raise ValueError("a defect")

    for _ in range(2):
        with pytest.raises(ValueError, match="a defect"):
            queue.long_work(fail)()


@pytest.mark.parametrize("task", LONG, ids=lambda task: task.func.__name__)
def test_what_takes_long_leaves_room_for_sending(task):
    with queue._long_work, pytest.raises(RetryTask):
        task.call_local(*[0] * len(signature(task.func).parameters))
