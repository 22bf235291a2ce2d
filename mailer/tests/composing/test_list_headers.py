"""What each mail says of its list and its mailing, and that it is signed with the rest."""

from io import StringIO

import dkim
import pytest
from django.core.management import call_command

from mailer.composing.list_headers import feedback_id, list_id
from people.models import User
from site_config.dkim import Signer, load_key
from testing.factories import MessageFactory, UserFactory
from testing.sending import come_by, start


def test_a_list_and_a_mailing_have_names_that_tell_no_number(settings):
    settings.DEFAULT_FROM_EMAIL = "News <news@mail.example.com>"
    anna, boris = User(pk=1, email="a@b.cd", name="Anna"), User(pk=2, email="b@b.cd", name="Boris")
    name, address = list_id(anna).decode().rsplit(" ", 1)
    label, domain = address.strip("<>").split(".list.")
    assert (name, len(label), domain) == ("Anna", 12, "mail.example.com")
    assert list_id(anna) == list_id(anna)
    assert list_id(boris).decode().rsplit(" ", 1)[1] != address
    mailing, user, kind, site = feedback_id(anna, 1).decode().split(":")
    assert (len(mailing), user, kind, site) == (12, label, "mailing", "mailexamplecom")
    assert feedback_id(anna, 2).decode().split(":")[0] != mailing
    assert feedback_id(anna, None).decode().split(":")[0] == "test"


@pytest.mark.parametrize("name", ["Anna\r\nBcc: eve@example.org", "", "Анна" * 80, 'A "B" <c@d.ef>'])
def test_whatever_the_name_the_field_is_one_line_or_folded(name):
    written = list_id(User(pk=1, email="a@b.cd", name=name)).decode("ascii")
    assert all(line.startswith(" ") for line in written.splitlines()[1:])
    assert len(written) < 255


@pytest.mark.django_db(transaction=True)
def test_a_mailing_is_signed(smtp, settings, tmp_path):
    """The text goes in seven bits: who encodes it anew on the way would break the signature."""
    settings.DEFAULT_FROM_EMAIL = "Mailings <news@example.com>"
    call_command("dkim_key", "rsa", tmp_path / "key", stdout=StringIO())
    settings.MAIL_DKIM_KEYS, settings.MAIL_DKIM_DOMAIN = [("rsa", str(tmp_path / "key"))], "example.com"
    owner = UserFactory(name="Анна")
    start(owner, 3, message=MessageFactory(owner=owner, body="<p>Здравствуйте, {{ full_name }}</p>"))
    come_by()
    record = Signer("rsa", "example.com", load_key(tmp_path / "key")).record[1].encode()
    assert [dkim.verify(mail.content, dnsfunc=lambda *_, **__: record) for mail in smtp.mails] == [True] * 3
    assert all(mail.content.isascii() for mail in smtp.mails)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("sender", ["news@example.org", "news@notexample.com"])
def test_mail_from_another_domain_is_not_signed(smtp, settings, tmp_path, sender):
    settings.DEFAULT_FROM_EMAIL = sender
    call_command("dkim_key", "rsa", tmp_path / "key", stdout=StringIO())
    settings.MAIL_DKIM_KEYS, settings.MAIL_DKIM_DOMAIN = [("rsa", str(tmp_path / "key"))], "example.com"
    start(UserFactory(), 1)
    come_by()
    assert [mail.parsed["DKIM-Signature"] for mail in smtp.mails] == [None]
