"""Letters, news and reminders."""
# ruff: noqa: E501  # texts as they are read

from mailer.composing.ready.build import (
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

LETTER = Draft(
    subject=("A few words, {{ first_name | default: 'and thanks' }}", "Несколько слов"),
    preheader=("How we are and what comes next", "Как у нас дела и что дальше"),
    theme={
        "background": "#ffffff",
        "surface": "#ffffff",
        "text": "#222222",
        "accent": "#1d5fa8",
        "font": "serif",
        "radius": "0",
    },
    blocks=[
        greeting(),
        text(
            "<p>This is a letter, not a campaign. I want to tell you in my own words how the season went and what comes next.</p>"
            "<p>We moved the workshop, learned to bake for three cafés at once, and lost a supplier on the way. You kept coming, even on rainy Tuesdays. <strong>Thank you.</strong></p>"
            "<p>From March we open an hour earlier. If there is something you miss, just reply: I read every email.</p>",
            "<p>Это письмо, а не рассылка с баннерами. Хочу своими словами рассказать, как прошёл сезон и что будет дальше.</p>"
            "<p>Мы переехали, научились печь сразу для трёх кофеен и по дороге потеряли поставщика. А вы приходили даже в дождливые вторники. <strong>Спасибо вам.</strong></p>"
            "<p>С марта открываемся на час раньше. Если вам чего-то не хватает, просто ответьте на это письмо: я читаю все.</p>",
        ),
        text("<p>Warm regards,<br>{{ sender_name }}</p>", "<p>С теплом,<br>{{ sender_name }}</p>"),
        footer(),
    ],
)
ANNOUNCEMENT = Draft(
    subject=("We are moving: new address from 1 March", "Мы переезжаем: новый адрес с 1 марта"),
    preheader=("What changes for you and what stays the same", "Что изменится для вас, а что останется"),
    theme={"background": "#eef1f6", "accent": "#274b9f", "text": "#1f2735", "radius": "12"},
    blocks=[
        picture("letter", "A letter on a table", "Письмо на столе"),
        heading("From 1 March, find us at 12 River Street", "С 1 марта мы на Речной улице, 12"),
        greeting(),
        text(
            "<p>Our lease is ending, and we have found a place with more light and a ramp at the door. Until the end of February, nothing changes.</p>",
            "<p>Аренда заканчивается, и мы нашли место посветлее, с пандусом у входа. До конца февраля всё по-прежнему.</p>",
        ),
        heading("What it means for you", "Что это значит для вас", level="3"),
        text(
            "<ul><li>Same opening hours: Monday to Saturday, 9 to 7.</li><li>Same phone number and email.</li><li>Pick up February orders at either address.</li></ul>",
            "<ul><li>Часы работы прежние: с понедельника по субботу, с 9 до 19.</li><li>Телефон и почта прежние.</li><li>Февральские заказы можно забрать по любому адресу.</li></ul>",
        ),
        button("See it on the map", "Показать на карте"),
        footer(),
    ],
)
WELCOME = Draft(
    subject=(
        "Welcome{% if first_name != '' %}, {{ first_name }}{% endif %}!",
        "Добро пожаловать{% if first_name != '' %}, {{ first_name }}{% endif %}!",
    ),
    preheader=("Three steps for your first ten minutes", "Три шага на первые десять минут"),
    theme={"background": "#eaf4ef", "accent": "#1b7a4b", "text": "#1d2b24", "radius": "16"},
    blocks=[
        spacer(8),
        heading("Good to have you here", "Хорошо, что вы с нами", align="center"),
        text(
            "<p>You are on the list. Ten minutes are enough for a look around:</p>",
            "<p>Вы в списке. Чтобы осмотреться, хватит десяти минут:</p>",
            align="center",
        ),
        columns(
            "1-1-1",
            [
                heading("1", "1", align="center"),
                text(
                    "<p><strong>Tell us what you like</strong></p>",
                    "<p><strong>Расскажите, что любите</strong></p>",
                    align="center",
                ),
            ],
            [
                heading("2", "2", align="center"),
                text(
                    "<p><strong>Choose how often we write</strong></p>",
                    "<p><strong>Выберите, как часто писать</strong></p>",
                    align="center",
                ),
            ],
            [
                heading("3", "3", align="center"),
                text(
                    "<p><strong>Take your first coffee on us</strong></p>",
                    "<p><strong>Первый кофе за наш счёт</strong></p>",
                    align="center",
                ),
            ],
        ),
        button("Get started", "Начать", align="center"),
        divider(),
        quote(
            "I came for the beans and stayed for the letters.",
            "Пришла за зёрнами, осталась ради писем.",
            ("Marta, a reader since 2021", "Марта, читает нас с 2021 года"),
        ),
        social(),
        footer(),
    ],
)
REMINDER = Draft(
    subject=("A reminder: your visit on Thursday", "Напоминаем: вы записаны на четверг"),
    preheader=("10:30 and what to bring", "10:30, и что взять с собой"),
    theme={
        "background": "#f5f3ee",
        "accent": "#8a4b12",
        "text": "#2c2620",
        "font": "humanist",
        "radius": "6",
    },
    blocks=[
        heading("See you on Thursday, 10:30", "Ждём вас в четверг в 10:30", level="2"),
        greeting(),
        text(
            "<p>This is your appointment:</p><ul><li><strong>When:</strong> Thursday, 12 March, 10:30</li><li><strong>Where:</strong> 12 River Street, first floor</li><li><strong>Bring:</strong> your card and your last report</li></ul>",
            "<p>Ваша запись:</p><ul><li><strong>Когда:</strong> четверг, 12 марта, 10:30</li><li><strong>Где:</strong> Речная, 12, второй этаж</li><li><strong>С собой:</strong> карта и последнее заключение</li></ul>",
        ),
        columns(
            "1-1",
            [button("I’ll be there", "Приду", wide=True)],
            [button("Another time", "Перенести", wide=True)],
        ),
        footer(),
    ],
)
