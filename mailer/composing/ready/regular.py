"""What comes regularly: newsletter, digest, changelog, survey."""
# ruff: noqa: E501  # texts as they are read

from mailer.composing.ready.build import (
    LINK,
    Block,
    Draft,
    button,
    columns,
    divider,
    footer,
    greeting,
    heading,
    picture,
    quote,
    social,
    spacer,
    text,
)

NEWSLETTER = Draft(
    subject=(
        "March: what is growing, what is flying, what we are reading",
        "Март: что растёт, что летает, что читаем",
    ),
    preheader=("The first letter of spring", "Первое письмо весны"),
    theme={"background": "#e9efe6", "accent": "#2f6b2f", "text": "#23301f", "font": "serif", "radius": "10"},
    blocks=[
        picture("news", "Hills in the morning sun", "Холмы в утреннем свете"),
        heading("The hills wake up", "Холмы просыпаются"),
        greeting(),
        text(
            "<p>The snow melted early this year. We walked the upper path for the first time, counted eleven cranes and forgot the thermos. Here is what we saw.</p>",
            "<p>Снег в этом году сошёл рано. Мы впервые прошли верхней тропой, насчитали одиннадцать журавлей и забыли термос. Вот что мы видели.</p>",
        ),
        button("Read the whole story", "Читать целиком"),
        divider(),
        columns(
            "1-1",
            [
                heading("On the table", "На столе", level="3"),
                text(
                    f'<p>Nettle soup, the first taste of spring. <a href="{LINK}">The recipe</a></p>',
                    f'<p>Суп из крапивы, первый со вкусом весны. <a href="{LINK}">Рецепт</a></p>',
                ),
            ],
            [
                heading("On the shelf", "На полке", level="3"),
                text(
                    f'<p>A book about rivers that change their mind. <a href="{LINK}">What we think of it</a></p>',
                    f'<p>Книга о реках, которые передумали. <a href="{LINK}">Наше мнение</a></p>',
                ),
            ],
        ),
        quote(
            "A walk is a letter written with your feet.",
            "Прогулка – это письмо, написанное ногами.",
            ("from our guest book", "из книги отзывов"),
        ),
        social(),
        footer(),
    ],
)


def _piece(en: str, ru: str, text_en: str, text_ru: str) -> list[Block]:
    return [
        heading(en, ru, level="3"),
        text(
            f'<p>{text_en} <a href="{LINK}">Read on</a></p>',
            f'<p>{text_ru} <a href="{LINK}">Дальше</a></p>',
        ),
    ]


DIGEST = Draft(
    subject=("The week in five minutes", "Неделя за пять минут"),
    preheader=("Four stories worth your time", "Четыре материала, которые стоят времени"),
    theme={"background": "#f1f1f3", "accent": "#a3241f", "text": "#202024", "radius": "4"},
    blocks=[
        heading("The week in five minutes", "Неделя за пять минут", level="2"),
        divider(),
        *_piece(
            "The bridge is open again", "Мост снова открыт",
            "After two years, night buses take the short way again.",
            "Спустя два года ночные автобусы снова ходят коротким путём.",
        ),
        *_piece(
            "Rent: what the new rule says", "Аренда: что говорит новое правило",
            "We asked a lawyer the six questions you sent us.",
            "Мы задали юристу шесть вопросов, которые вы прислали.",
        ),
        *_piece(
            "A library of seeds", "Библиотека семян",
            "Take three bags in spring, bring one back in autumn.",
            "Весной возьмите три пакетика, осенью верните один.",
        ),
        *_piece(
            "Photos of the week", "Фотографии недели",
            "Fog, a fox and a football team.",
            "Туман, лиса и футбольная команда.",
        ),
        divider(),
        text(
            f'<p>Less often, or other topics? <a href="{LINK}">Choose what you get</a>.</p>',
            f'<p>Реже или о другом? <a href="{LINK}">Выберите, что получать</a>.</p>',
        ),
        footer(),
    ],
)  # fmt: skip
CHANGELOG = Draft(
    subject=("What is new in version 4.2", "Что нового в версии 4.2"),
    preheader=(
        "Faster search, offline lists, twelve fixes",
        "Быстрый поиск, списки без сети и двенадцать исправлений",
    ),
    theme={"background": "#eceff3", "accent": "#4b3fb5", "text": "#1d2030", "radius": "8"},
    blocks=[
        heading("Version 4.2 is here", "Вышла версия 4.2"),
        text(
            "<p>It installs itself tonight. Here is what changes:</p>",
            "<p>Она установится сама этой ночью. Вот что изменится:</p>",
        ),
        heading("New", "Новое", level="3"),
        text(
            "<ul><li><strong>Search</strong> answers as you type, even to part of a word.</li><li><strong>Lists</strong> can be read and ticked off offline.</li></ul>",
            "<ul><li><strong>Поиск</strong> отвечает, пока вы печатаете, и по части слова.</li><li><strong>Списки</strong> можно читать и отмечать без сети.</li></ul>",
        ),
        heading("Better", "Лучше", level="3"),
        text(
            "<ul><li>The calendar opens twice as fast.</li><li>Dark mode follows your system.</li></ul>",
            "<ul><li>Календарь открывается вдвое быстрее.</li><li>Тёмные цвета следуют за системой.</li></ul>",
        ),
        heading("Fixed", "Исправлено", level="3"),
        text(
            "<ul><li>Reminders no longer come twice after the clocks change.</li><li>Long names are no longer cut off in print.</li></ul>",
            "<ul><li>Напоминания больше не приходят дважды после перевода часов.</li><li>Длинные имена не обрезаются при печати.</li></ul>",
        ),
        button("All changes", "Все изменения"),
        footer(),
    ],
)
SURVEY = Draft(
    subject=("One question, one click", "Один вопрос, один клик"),
    preheader=("It takes five seconds", "Это займёт пять секунд"),
    theme={"background": "#f6efe9", "accent": "#a8480f", "text": "#30231a", "radius": "20"},
    blocks=[
        spacer(8),
        heading("How was your last visit?", "Как прошёл ваш последний визит?", align="center"),
        text(
            "<p>Your answer goes straight to the people who served you. No account, no second page.</p>",
            "<p>Ответ попадёт прямо к тем, кто вас обслуживал. Без регистрации и второй страницы.</p>",
            align="center",
        ),
        columns(
            "1-1-1",
            [button("Good", "Хорошо", wide=True)],
            [button("So-so", "Так себе", wide=True)],
            [button("Bad", "Плохо", wide=True)],
        ),
        text(
            "<p>Want to say more? Just reply to this email.</p>",
            "<p>Хотите рассказать подробнее? Просто ответьте на это письмо.</p>",
            align="center",
        ),
        footer(),
    ],
)
