"""Files to import: what is read from them, and the way through the pages."""

import io
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser
from django.urls import reverse

from mailer.audience.importing import check_columns
from mailer.audience.importing.layout import detect, records
from mailer.audience.importing.rows import RowReader
from mailer.models import ClientImport

REFUSED = "refused"
UPLOAD = "/clients/import/"
PLAIN = "email,name,status\nanna@example.org,Anna,active\nnobody,N,\nboris@example.org,Борис,unsubscribed\n"


def read(data: str | bytes, **how: Any) -> list[tuple[Any, ...]]:
    """Each record as (address, name, comment, reason of the stop-list or None), or why it is refused."""
    file = io.BytesIO(data.encode() if isinstance(data, str) else data)
    layout = detect(file, **how)
    check_columns(layout)
    reader = RowReader(layout.meanings)
    found: list[tuple[Any, ...]] = []
    for record in records(file, layout):
        try:
            row = reader.read(record)
        except ValidationError as error:
            found.append((REFUSED, record.line, " ".join(error.messages)))
        else:
            found.append((row.email, row.full_name, row.comment, row.stop and row.stop.reason))
    return found


def ann(
    email: str = "ann@example.org", name: str = "Ann Lee", comment: str = "", stop: str | None = None
) -> tuple[Any, ...]:
    """Ann as she is read."""
    return (email, name, comment, stop)


def many(number: int = 201) -> str:
    """A file of so many addresses."""
    return "email\n" + "".join(f"c{n}@example.org\n" for n in range(number))


def send(
    browser: Browser, data: str | bytes, name: str = "clients.csv", url: str = UPLOAD, **more: Any
) -> Any:
    """Upload a file."""
    content = data.encode() if isinstance(data, str) else data
    return browser.post(url, {"file": SimpleUploadedFile(name, content), **more})


def draft(browser: Browser, data: str | bytes = PLAIN, **how: Any) -> ClientImport:
    """Upload a file that can be read, and return what was made of it."""
    answer = send(browser, data, **how)
    assert answer.status_code == 302, answer.context["form"].errors
    return ClientImport.objects.latest("pk")


def page(upload: ClientImport) -> str:
    return reverse("import_detail", args=[upload.pk])


def form_of(browser: Browser, upload: ClientImport, **changes: Any) -> dict[str, Any]:
    """What the page's form sends, with these changes."""
    form = browser.get(page(upload)).context["form"]
    data = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in {**data, **changes}.items() if value not in (None, False)}


def begin(browser: Browser, upload: ClientImport, queue: Any, **changes: Any) -> Any:
    """Start the import with the form as it stands, and run it."""
    with queue(execute=True):
        answer = browser.post(page(upload), {**form_of(browser, upload, **changes), "start": "1"})
    upload.refresh_from_db()
    return answer
