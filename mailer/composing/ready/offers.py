"""Offers, events and receipts."""
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
    spacer,
    text,
)

OFFER = Draft(
    subject=("Until Sunday: 20% off all winter parcels", "До воскресенья: −20 % на все зимние посылки"),
    preheader=("Your code is WINTER20", "Ваш код: WINTER20"),
    theme={"background": "#f7e9e4", "accent": "#b3261e", "text": "#34201c", "radius": "14"},
    blocks=[
        picture("offer", "Parcels with a ribbon", "Посылки с лентой"),
        heading("20% off until Sunday", "−20 % до воскресенья", align="center"),
        text(
            "<p>{% if first_name != '' %}{{ first_name }}, we{% else %}We{% endif %} are making room for spring. Everything with a snowflake on it is 20% off.</p>",
            "<p>{% if first_name != '' %}{{ first_name }}, мы{% else %}Мы{% endif %} освобождаем место для весны. Всё, на чём есть снежинка, на пятую часть дешевле.</p>",
            align="center",
        ),
        heading("WINTER20", "WINTER20", level="2", align="center"),
        button("Shop the sale", "Выбрать", align="center"),
        divider(),
        text(
            "<p>Valid until Sunday, 23:59, for one order, while stocks last.</p>",
            "<p>Действует до воскресенья, 23:59, на один заказ, пока есть в наличии.</p>",
            align="center",
        ),
        footer(),
    ],
)


def _thing(en: str, ru: str, price_en: str, price_ru: str) -> list[Block]:
    return [
        heading(en, ru, level="3"),
        text(f"<p>{price_en}</p>", f"<p>{price_ru}</p>"),
        button("Buy", "Купить", wide=True),
    ]


PRODUCTS = Draft(
    subject=("Four new roasts and what they taste like", "Четыре новые обжарки и их вкус"),
    preheader=("From €9, roasted this morning", "От 590 ₽, обжарено сегодня утром"),
    theme={"background": "#efe8df", "accent": "#6b3f16", "text": "#2b2119", "font": "serif", "radius": "8"},
    blocks=[
        heading("Roasted this morning", "Обжарили сегодня утром"),
        text(
            "<p>Four coffees, each for a different hour of the day.</p>",
            "<p>Четыре кофе, каждый для своего часа.</p>",
        ),
        columns(
            "1-1",
            _thing(
                "Huila, washed", "Уила, мытый", "Plum and cocoa · 250 g, €9", "Слива и какао · 250 г, 590 ₽"
            ),
            _thing(
                "Guji, natural", "Гуджи, натуральный", "Strawberry · 250 g, €11", "Клубника · 250 г, 690 ₽"
            ),
        ),
        spacer(8),
        columns(
            "1-1",
            _thing("Nyeri, washed", "Ньери, мытый", "Blackcurrant · 250 g, €13", "Смородина · 250 г, 790 ₽"),
            _thing("Cerrado, pulped", "Серрадо, хани", "Hazelnut · 250 g, €9", "Фундук · 250 г, 590 ₽"),
        ),
        footer(),
    ],
)
EVENT = Draft(
    subject=("An evening in the garden, 6 June", "Вечер в саду, 6 июня"),
    preheader=("Music from seven, lanterns from nine", "Музыка с семи, фонари с девяти"),
    theme={
        "background": "#1c2540",
        "surface": "#ffffff",
        "accent": "#7a2f8f",
        "text": "#241b30",
        "radius": "16",
    },
    blocks=[
        picture("event", "Lanterns over an evening garden", "Фонари над вечерним садом"),
        heading("An evening in the garden", "Вечер в саду"),
        greeting(),
        text(
            "<p>Once a year we open the back gate. There will be a string quartet, cold drinks and a bench for everyone.</p>",
            "<p>Раз в год мы открываем заднюю калитку. Будет струнный квартет, что-нибудь прохладное и скамейки для всех.</p>",
        ),
        columns(
            "1-1",
            [
                heading("When", "Когда", level="3"),
                text("<p>Saturday, 6 June, from 19:00</p>", "<p>Суббота, 6 июня, с 19:00</p>"),
            ],
            [
                heading("Where", "Где", level="3"),
                text(
                    f'<p>12 River Street, through the yard. <a href="{LINK}">Map</a></p>',
                    f'<p>Речная, 12, через двор. <a href="{LINK}">Карта</a></p>',
                ),
            ],
        ),
        button("I’ll be there", "Приду", wide=True),
        text(
            "<p>Admission is free. Bring a friend.</p>",
            "<p>Вход свободный. Приводите друзей.</p>",
            align="center",
        ),
        footer(),
    ],
)
RECEIPT = Draft(
    subject=("Thank you: your order is on its way", "Спасибо: ваш заказ в пути"),
    preheader=("What is in it and when it arrives", "Что внутри и когда придёт"),
    theme={"background": "#f2f4f4", "accent": "#0f6b63", "text": "#1f2b2a", "radius": "6"},
    blocks=[
        heading("Thank you for your order", "Спасибо за заказ", level="2"),
        greeting(),
        text(
            "<p>We packed it this morning. Expect it on Wednesday.</p>",
            "<p>Мы собрали его сегодня утром. Ждите в среду.</p>",
        ),
        divider(),
        columns(
            "2-1",
            [text("<p>Huila, washed, 250 g × 2</p>", "<p>Уила, мытый, 250 г × 2</p>")],
            [text("<p>€18.00</p>", "<p>1 180 ₽</p>", align="right")],
            together=True,
        ),
        columns(
            "2-1",
            [text("<p>Paper filters, 100 pieces</p>", "<p>Фильтры, 100 штук</p>")],
            [text("<p>€4.50</p>", "<p>290 ₽</p>", align="right")],
            together=True,
        ),
        columns(
            "2-1",
            [text("<p>Delivery</p>", "<p>Доставка</p>")],
            [text("<p>€3.90</p>", "<p>250 ₽</p>", align="right")],
            together=True,
        ),
        divider(),
        columns(
            "2-1",
            [text("<p><strong>Total</strong></p>", "<p><strong>Итого</strong></p>")],
            [text("<p><strong>€26.40</strong></p>", "<p><strong>1 720 ₽</strong></p>", align="right")],
            together=True,
        ),
        button("Track your parcel", "Отследить посылку"),
        footer(),
    ],
)
