import hmac

import pytest

from mailer.composing.signatures import Hmac


@pytest.mark.parametrize("key", [b"", b"key", bytes(32), bytes(range(64))])
@pytest.mark.parametrize("value", [b"", b"value", bytes(200)])
def test_it_is_the_standard_librarys(key, value):
    signature = Hmac(key)
    assert [signature.digest(value) for _time in range(2)] == [hmac.digest(key, value, "sha256")] * 2
