"""What stands in the queue is JSON: reading it runs nothing."""

import json
import pickle
from datetime import UTC, datetime, timedelta, timezone

import pytest
from huey.contrib.djhuey import HUEY
from huey.registry import Message

from mailer import tasks
from site_config.queue import JsonSerializer

pytestmark = pytest.mark.everywhere


class Evil:
    def __reduce__(self):
        return (pytest.fail, ("it was run",))


def test_a_task_comes_out_as_it_went_in():
    HUEY.immediate = False
    HUEY.flush()
    tasks.send_attempt(7, "token", requeues=2)
    tasks.resume_attempt.schedule((5,), delay=60)
    raw, _later = HUEY.storage.enqueued_items()
    assert json.loads(raw)["task"]["args"] == [7, "token"]
    task = HUEY.dequeue()
    assert (task.name, list(task.args), task.kwargs) == ("send_attempt", [7, "token"], {"requeues": 2})
    later = HUEY.dequeue()
    assert list(later.args) == [5]
    assert isinstance(later.eta, datetime)
    HUEY.flush()


@pytest.mark.parametrize(
    "eta",
    [
        datetime(2026, 1, 2, 3, 4, 5, 678),
        datetime(2026, 1, 2, tzinfo=UTC),
        datetime(2026, 1, 2, tzinfo=timezone(timedelta(hours=3))),
    ],
)
def test_times_come_out_as_they_went_in(eta):
    message = Message(id="a", name="b", eta=eta, args=(1,), kwargs={})
    assert JsonSerializer().deserialize(JsonSerializer().serialize(message))._replace(args=(1,)) == message


def test_what_is_revoked_comes_out_too():
    assert JsonSerializer().deserialize(JsonSerializer().serialize((None, True))) == [None, True]


def test_a_pickle_in_the_queue_is_not_run():
    with pytest.raises(ValueError, match=r"utf|JSON|Expecting"):
        JsonSerializer().deserialize(pickle.dumps(Evil()))


def test_an_argument_that_is_no_plain_value_fails_where_it_is_queued():
    HUEY.immediate = False
    with pytest.raises(TypeError, match="cannot be a Evil"):
        tasks.open_mailing(Evil())
