"""Who is greeted by which name, or by none."""

import pytest

from mailer.composing.merge import values_for

pytestmark = pytest.mark.once


@pytest.mark.parametrize(
    ("full_name", "first_name"),
    [
        ("Anna Petrova", "Anna"),
        ("Anna", "Anna"),
        ("Smith, John", "John"),
        ("Smith, John, PhD", "John"),
        ("John Smith, Jr.", "John"),
        ("Müller, Dr. Hans", "Hans"),
        ("van der Berg, Jan", "Jan"),
        ("O'Brien, Mary", "Mary"),
        ("Dr. Anna Maria Lee", "Anna"),
        ("Prof. Dr. Hans Müller", "Hans"),
        ("Mr John Smith", "John"),
        ("John F. Kennedy", "John"),
        ("Ludwig van Beethoven", "Ludwig"),
        ("María José García", "María"),
        ("Mary-Jane Watson", "Mary-Jane"),
        ("Jean-Luc Picard", "Jean-Luc"),
        ("Anna (Sales)", "Anna"),
        ('"Anna Lee"', "Anna"),
        ("  Anna   Lee ", "Anna"),
        ("Anna\r\nBcc: a@b.cd", "Anna"),
        ("Ёлка <b>&", "Ёлка"),
        ("王小明", "王小明"),
        ("Иванова Анна Петровна", "Анна"),
        ("Иванова-Петрова Анна Сергеевна", "Анна"),
        ("Анна Петровна Иванова", "Анна"),
        ("Анна Петровна", "Анна"),
        ("Иванов Иван", "Иван"),
        ("Ёлкин Фёдор", "Фёдор"),
        ("Ким Ольга", "Ольга"),
        ("Бондарчук Иван", "Иван"),
        ("Ольга Ким", "Ольга"),
        ("Павел Роман", "Павел"),
        ("Константин Ли", "Константин"),
        ("Достоевский Фёдор Михайлович", "Фёдор"),
        ("Ирина Ковалёва", "Ирина"),
        ("Марина Ким", "Марина"),
        ("Лев Толстой", "Лев"),
        ("Г-жа Анна Иванова", "Анна"),
        ("Ivanova Anna Petrovna", "Anna"),
    ],
)
def test_people_are_greeted_by_their_first_name(full_name, first_name):
    values = values_for(full_name=full_name, email="a@b.cd", sender_name="", unsubscribe_url="")
    assert (values["first_name"], values["full_name"]) == (first_name, full_name)


@pytest.mark.parametrize(
    "full_name",
    [
        "", "  ", ".", "J. Smith", "Smith J.", "Smith, J.", "J.R.R. Tolkien", "А.П. Иванова", "Иванова А. П.",
        "Dr. Smith", "Mrs. Petrova", "Acme, Inc.", "Acme GmbH", "ООО «Ромашка»", "ООО Ромашка", "ИП Иванов",
        "Tom & Jerry", "Mr. and Mrs. Smith", "Marketing Team", "Support", "anna@example.com", "user123",
        "9" * 150, "A", "Shop 24", "anna.petrova", "anna_petrova",
    ],
)  # fmt: skip
def test_initials_companies_and_what_is_no_name_greet_nobody(full_name):
    values = values_for(full_name=full_name, email="a@b.cd", sender_name="", unsubscribe_url="")
    assert values["first_name"] == ""
