"""A ticket is carried out whole or asked about: no sentence of it is passed over or guessed."""

from __future__ import annotations

import pytest

from agent.errors import TicketUnclear
from tests.unit.recipes.trees import RECIPE, SHOP, form, settle, ticket

FILES = SHOP | {
    "shop/models.py": SHOP["shop/models.py"]
    + "\n\nclass Order(models.Model):\n    total = models.IntegerField()\n",
    "shop/admin.py": "from django.contrib import admin\n\nfrom .models import Customer\n\n\n"
    "@admin.register(Customer)\nclass CustomerAdmin(admin.ModelAdmin):\n"
    '    list_display = ("name", "email")\n',
    "shop/test_models.py": "def test_name():\n    pass\n",
}
ADD = "Add a CharField `nick` with max_length=50, blank=True to Customer."
BARE = ADD.removesuffix(".")
NICK = "Customer.nick CharField max_length=50, blank=True"
FORM = "Customer.nickname CharField max_length=50, blank=True"
COMPUTED = (
    "“{}” asks for values that are worked out from other data. All existing rows get one fixed "
    "value. Which one? Working it out needs a ticket of its own."
)
NO_VALUE = (
    "Which value do existing rows get? State a default for existing rows, a default for all, or "
    "null=True."
)


def beyond(*parts: str) -> str:
    said = ", ".join(f"“{part}”" for part in parts)
    return (
        f"The ticket also says: {said}. One field is added here, and nothing else is done; take "
        "the rest out, or open a ticket of its own for it."
    )


def question(sentence: str) -> str:
    return f"“{sentence}” is a question. What is to be done? State it, or leave it out."


def negation(sentence: str) -> str:
    return (
        f"“{sentence}” says what is not to be done. Is the field to be added? Leave in the ticket "
        "only what is wanted."
    )


def condition(sentence: str) -> str:
    return f"“{sentence}” depends on something. State what holds, or leave it out."


def hedge(sentence: str) -> str:
    return f"“{sentence}” leaves it open. State what holds, or leave it out."


def correction(sentence: str, holds: str = "What holds?") -> str:
    return f"“{sentence}” takes back something else. {holds} State each fact once."


def copied(value: str) -> str:
    return (
        f"`{value}` is a field of shop.Customer, and all rows get one fixed value; "
        "copying needs a ticket of its own. If the text itself is meant, quote it."
    )


def instruction(value: str) -> str:
    return (
        "The value for existing rows (the heading “Default for existing rows”): "
        f"“{value}” reads as an instruction, and all rows get one fixed value; state "
        "it. If the text itself is meant, quote it."
    )


def two_models(first: str, second: str) -> str:
    return f"The ticket names more than one model: {first}, {second}. Which one gets the field?"


def other_model(sentence: str) -> str:
    return f"“{sentence}” names the model Order. Is Order to be changed as well?"


def option(name: str, nearest: str = "") -> str:
    return (
        f"A CharField takes no `{name}`.{nearest} It takes db_collation, max_length and the options "
        "of every field. What is meant?"
    )


def outcome(body: str, title: str) -> str | tuple[str, ...]:
    """The field that is settled, in a line, or all questions."""
    try:
        parameters = settle(body, FILES, title)
    except TicketUnclear as unclear:
        return unclear.questions
    field = parameters.field
    options = ", ".join(f"{one.name}={one.value.shown()}" for one in field.options)
    line = f"{parameters.model}.{field.name} {field.type_name} {options}".rstrip()
    if parameters.existing:
        line += f"; existing {parameters.existing.shown()}"
    line += "".join(f"; {listing.kind}" for listing in parameters.listings)
    return line + ("; test" if parameters.test else "")


ASKED = [
    # said not to do it, or not firmly
    (f"Please do NOT a{BARE[1:]}.", negation(f"Please do NOT a{BARE[1:]}.")),
    (f"Don't a{BARE[1:]}.", negation(f"Don't a{BARE[1:]}.")),
    (f"Never a{BARE[1:]}.", negation(f"Never a{BARE[1:]}.")),
    (
        "We do not want a CharField `nick` with max_length=50, blank=True on Customer.",
        negation("We do not want a CharField `nick` with max_length=50, blank=True on Customer."),
    ),
    (f"{ADD} Please don't do it before May.", negation("Please don't do it before May.")),
    (f"{BARE}, without a migration.", negation(f"{BARE}, without a migration.")),
    (
        f"Should we a{BARE[1:]}? I am not sure.",
        (question(f"Should we a{BARE[1:]}?"), hedge("I am not sure.")),
    ),
    (f"Do we need to a{BARE[1:]}?", question(f"Do we need to a{BARE[1:]}?")),
    (f"{ADD} What do you think?", question("What do you think?")),
    (f"Maybe a{BARE[1:]}.", hedge(f"Maybe a{BARE[1:]}.")),
    (f"We could a{BARE[1:]}.", hedge(f"We could a{BARE[1:]}.")),
    (f"I think we might a{BARE[1:]}.", hedge(f"I think we might a{BARE[1:]}.")),
    (f"If legal agrees, a{BARE[1:]}.", condition(f"If legal agrees, a{BARE[1:]}.")),
    (f"{BARE} unless it is there.", condition(f"{BARE} unless it is there.")),
    (f"{ADD} Only if legal agrees.", condition("Only if legal agrees.")),
    (f"{ADD} Wait for the new design.", condition("Wait for the new design.")),
    # taken back or said twice
    (
        f"{ADD} Actually make it a TextField.",
        correction(
            "Actually make it a TextField.", f"Which holds: type CharField (“{ADD}”) or TextField?"
        ),
    ),
    (
        f"{ADD} No, max_length should be 60.",
        correction("No, max_length should be 60.", f"Which holds: max_length 50 (“{ADD}”) or 60?"),
    ),
    (
        f"{ADD} Sorry, I meant Order.",
        correction("Sorry, I meant Order.", f"Which holds: model Customer (“{ADD}”) or Order?"),
    ),
    (f"{ADD} Never mind.", correction("Never mind.")),
    (
        f"{BARE} and Order.",
        two_models(f"Customer (“{BARE} and Order.”)", f"Order (“{BARE} and Order.”)"),
    ),
    (
        f"{ADD} It is a TextField.",
        (
            f"The field type is said twice, differently: CharField (“{ADD}”) and TextField "
            "(“It is a TextField.”). Which one holds?"
        ),
    ),
    (
        f"{ADD} Length: 60",
        (
            f"`max_length` is said twice, differently: 50 (“{ADD}”) and 60 (“Length: 60”). "
            "Which one holds?"
        ),
    ),
    (
        (
            "Add a DecimalField `fee` to Customer, max_digits=5, decimal_places=2, default=0. "
            "It defaults to 1.50."
        ),
        (
            "`default` is said twice, differently: 0 (“Add a DecimalField `fee` to Customer, "
            "max_digits=5, decimal_places=2, default=0.”) and 1.50 (“It defaults to 1.50.”). "
            "Which one holds?"
        ),
    ),
    # values that no fixed value can be
    (
        f"{ADD} Fill it from `name` for existing rows.",
        COMPUTED.format("Fill it from `name` for existing rows."),
    ),
    (
        f"{ADD} Existing rows get the value of name.",
        COMPUTED.format("Existing rows get the value of name."),
    ),
    (
        f"{ADD} Existing rows get `name`.",
        f"The value for existing rows (“Existing rows get `name`.”): {copied('name')}",
    ),
    (f"{ADD} Existing rows get upper(name).", beyond("Existing rows get upper(name)")),
    # more than one field
    (f"{BARE.replace('blank=True', 'blank=True, foo=1')}.", option("foo")),
    (
        f"{BARE}, choices a, b or c.",
        (
            f"“{BARE}, choices a, b or c.” lists choices without their labels. State "
            "them as in `choices=[('a', 'A'), ('b', 'B'), ('c', 'C')]`."
        ),
    ),
    (f"{ADD} Nicks get trimmed.", beyond("Nicks get trimmed")),
    (f"{ADD} cc @ada and remove `name`.", beyond("and remove `name`", "cc @ada")),
    (f"{ADD} Bump Django to 5.2.", beyond("Bump Django to 5.2")),
    (f"{ADD} Thanks for adding an index as well.", beyond("Thanks for adding an index as well")),
    (f"{ADD} Translate it.", beyond("Translate it")),
    (f"{ADD}\n\n- [x] I have read the docs and want it indexed\n", None),
    (f"{ADD}\n\n- [ ] I can open a pull request if you encrypt it\n", None),
    (f"{ADD} Test that it is trimmed.", None),
    (f"{ADD} As a clerk I want to export it so that we can print it.", None),
    (f"{ADD} As a clerk I want a report, so that I can send it, and remove `name`.", None),
    (f"{BARE} and an index on it.", beyond("and an index on it")),
    (f"{ADD} Encrypt it.", beyond("Encrypt it")),
    (f"{ADD} Obfuscate it.", beyond("Obfuscate it")),
    (f"{ADD} Put it right after email.", beyond("Put it right after email")),
    (f"{ADD} Then update the mails.", beyond("Then update the mails")),
    (f"{ADD} We need an audit log too.", beyond("We need an audit log too")),
    (f"{ADD} It holds up to 60.", beyond("It holds up to 60")),
    *(
        (f"{ADD} {described}.", beyond(described))
        for described in (
            "Values are always upper case",
            "The column sits behind email",
            "Existing customers are Bob",
            "Staff may not change it",
            "The form gets it as well",
            "Everybody gets Bob",
            "The label reads Nickname",
            "Blank means no nickname",
        )
    ),
    (f"{ADD} Same for Order.", other_model("Same for Order.")),
    (f"{BARE} for Order.", other_model(f"{BARE} for Order.")),
    (
        f"{BARE} because we greet them and obfuscate it.",
        beyond("because we greet them and obfuscate it"),
    ),
    (f"{ADD} Show it in the admin list as the first column.", beyond("as the first column")),
    (f"{ADD}\n\n- [ ] Encrypt the value\n", beyond("Encrypt the value")),
    (f"{ADD}\n\n```python\ndef clean(self): ...\n```\n", beyond("def clean(self): ...")),
    (
        f"Rename `email` to `mail` on Customer and a{BARE[1:]}.",
        beyond("Rename `email` to `mail` on Customer"),
    ),
    # issue forms
    (form(options="max_length=50, blank=True, foo=1"), option("foo")),
    (
        form(options="max_length=50, blank=True, max_lenght=9"),
        option("max_lenght", " Nearest: max_length."),
    ),
    (
        f"{form()}\n\n### Notes\n\nPlease do not add it yet.\n",
        negation("Please do not add it yet."),
    ),
    (f"{form()}\n\n### Notes\n\nEncrypt it.\n", beyond("Notes: Encrypt it")),
    (f"{form()}\n\n### Notes\n\nalso to Order\n", other_model("Notes: also to Order")),
    (f"{form()}\n\n### Position\n\nright after email\n", beyond("Position: right after email")),
    (f"{form()}\n\n### Field order\n\nafter email\n", beyond("Field order: after email")),
    (
        form(default_for_existing_rows="name"),
        f"The value for existing rows (the heading “Default for existing rows”): {copied('name')}",
    ),
    (form(default_for_existing_rows="value of name"), instruction("value of name")),
    (form(default_for_existing_rows="leave as is"), instruction("leave as is")),
    (
        "---\nmodel: Customer\nname: nick\ntype: TextField\nblank: yes\nfoo: 1\n---",
        beyond("foo: 1"),
    ),
]

ACCEPTED = [
    (ADD, NICK),
    (f"{ADD} Thanks!", NICK),
    (f"{ADD} See the discussion from Monday.", NICK),
    (f"Our regulars want to be greeted by the name they are called by. {ADD}", NICK),
    (f"Hi team,\n\n{ADD}\n\nCheers,\nAda", NICK),
    (f"Could you please a{BARE[1:]}?", NICK),
    (f"{BARE} because regulars ask for it.", NICK),
    (f"{BARE} so that we can greet people.", NICK),
    (f"{BARE} for the newsletter.", NICK),
    (f"{ADD} Customers told us in March.", NICK),
    (f"{ADD} Support keeps asking how to address people.", NICK),
    (f"{ADD} 30 people asked for this last week.", NICK),
    (f"{ADD} cc @ada", NICK),
    (f"{ADD} cc @ada, @bob", NICK),
    (f"{ADD} Thanks for looking into this!", NICK),
    (f"{ADD} Thanks a lot, Dana", NICK),
    (f"Hi all! {ADD} Happy to help.", NICK),
    (f"{ADD}\n\nScreenshot below.\n\n![before](https://a.example/b.png)\n", NICK),
    (f"{ADD}\n\nDjango 5.1, Python 3.12\n", NICK),
    (f"{ADD} We are using Django 5.1 on PostgreSQL 16.", NICK),
    (f"{ADD}\n\n### Version\n\nVersion: 2.3.1\n", NICK),
    (
        (
            f"- [x] I have searched the existing issues\n- [x] I have read the code of conduct\n\n"
            f"{ADD}\n\n- [ ] I would like to work on this\n- [ ] I can open a pull request\n"
        ),
        NICK,
    ),
    (f"As a clerk I want to greet people, so that they come back.\n\n{ADD}", NICK),
    (f"Customers can have a translator. {ADD}", NICK),
    (f"{ADD} Do not show it in the admin list. It should not be in the form either.", NICK),
    (f"{ADD} Test please.", f"{NICK}; test"),
    (f"{ADD} Test it.", f"{NICK}; test"),
    (f"{ADD} Unit tests please!", f"{NICK}; test"),
    (
        (
            "Acceptance:\n- [ ] CharField `nick`, max_length=50, blank=True\n- [ ] on Customer\n"
            "- [ ] visible in the admin list\n- [ ] not in the public form\n- [ ] test\n"
        ),
        f"{NICK}; admin; test",
    ),
    (
        "Add a CharField `nick`, blank=True, to Customer, max_length=5, choices [('a', 'A')].",
        "Customer.nick CharField max_length=5, blank=True, choices=[('a', 'A')]",
    ),
    (
        "Add a DateField `born` to Customer with default=2020-01-31.",
        "Customer.born DateField default=datetime.date(2020, 1, 31)",
    ),
    *(
        (
            (
                f"Add a ForeignKey `shop` to `shop.Customer` pointing to {target}, null=True, "
                f"on_delete={action}."
            ),
            f"Customer.shop ForeignKey to='Shop', on_delete=models.{action}, null=True",
        )
        for target, action in (
            ("the model Shop", "SET_NULL"),
            ("the existing model `Shop`", "CASCADE"),
            ("shop.Shop", "PROTECT"),
        )
    ),
    (
        "Add a ForeignKey `shop` to Customer with to='shop.Shop', on_delete=SET_NULL, null=True.",
        "Customer.shop ForeignKey to='Shop', on_delete=models.SET_NULL, null=True",
    ),
    *(
        (
            f"Add a ForeignKey `parent` to shop.Customer {pointing}, null=True, on_delete=SET_NULL.",
            "Customer.parent ForeignKey to='self', on_delete=models.SET_NULL, null=True",
        )
        for pointing in ("to itself", 'to "self"', "to `self`", "pointing to itself", "to self")
    ),
    *(
        (
            f"Add an owner ({pointing}, on_delete=SET_NULL, null=True) to the model shop.Customer.",
            (
                "Customer.owner ForeignKey to=conf.settings.AUTH_USER_MODEL, "
                "on_delete=models.SET_NULL, null=True"
            ),
        )
        for pointing in ("FK to the user model", "ForeignKey to Django's user")
    ),
    (f"{ADD} See #12 and https://example.org/Order?x=1.", NICK),
    (f"{ADD} Reported by Ada in #12.", NICK),
    (f"{ADD} This would make our regulars happy.", NICK),
    (f"{ADD} Strangers are no regulars.", NICK),
    (f"{ADD} Don't show it in the admin.", NICK),
    (f"{ADD} No tests needed.", NICK),
    (f"{ADD} Show it in the admin list and add a test.", f"{NICK}; admin; test"),
    (f"## Why\n\nRegulars like it.\n\n## What\n\n{ADD}", NICK),
    (
        (
            "**Is your feature request related to a problem? Please describe.**\nRegulars are "
            f"greeted by their full name.\n\n**Describe the solution you'd like**\n{ADD}\n"
        ),
        NICK,
    ),
    ("We'd like to have a CharField `nick` with max_length=50, blank=True on Customer.", NICK),
    ("Customer should have a CharField `nick` with max_length=50, blank=True.", NICK),
    ("Introduce `nick` (CharField, max_length=50, blank=True) on Customer.", NICK),
    ("Extend the model `shop.Customer` with a CharField `nick`, max_length=50, blank=True.", NICK),
    ("Add a CharField `nick` to Customer. The maximum length is 50. It can be blank.", NICK),
    ("Add a CharField `nick` to Customer. max_length should be 50, blank=True.", NICK),
    ("- model: Customer\n- name: nick\n- type: TextField\n- blank: yes", None),
    (
        "Add an IntegerField `points` to Customer with default 0. Existing rows get 10.",
        "Customer.points IntegerField default=0; existing 10",
    ),
    (
        "Add an IntegerField `age` to Customer with null=True and no default.",
        "Customer.age IntegerField null=True",
    ),
    (
        (
            "Add a DecimalField `fee` to Customer, max_digits=5, decimal_places=2, default=0. "
            "It defaults to Decimal('0')."
        ),
        "Customer.fee DecimalField max_digits=5, decimal_places=2, default=0",
    ),
    (
        "Add a CharField `kind` to Customer: max_length=1, choices=[('a', 'A')], default='a'.",
        "Customer.kind CharField max_length=1, choices=[('a', 'A')], default='a'",
    ),
    (
        'Add a TextField `notes` to Customer. Existing rows get "copied from paper".',
        "Customer.notes TextField; existing 'copied from paper'",
    ),
    (
        "Add a BooleanField `vip` to Customer (default False). It is for the newsletter.",
        "Customer.vip BooleanField default=False",
    ),
    (form(default_for_existing_rows='"value of name"'), f"{FORM}; existing 'value of name'"),
    (form(default_for_existing_rows="n/a"), f"{FORM}; existing 'n/a'"),
    (f"{form()}\n\n### Why\n\nRegulars like it.\n", FORM),
    (f"{form()}\n\n### Priority\n\nHigh\n", FORM),
    (f"---\ntitle: A nickname\nlabels: [shop]\n---\n\n{ADD}", NICK),
]


@pytest.mark.parametrize(("body", "questions"), ASKED)
def test_what_is_more_or_less_than_a_fact_is_asked_about(
    body: str, questions: str | tuple[str, ...] | None
) -> None:
    wanted = (questions,) if isinstance(questions, str) else questions
    found = outcome(body, "A field")
    assert found == wanted if wanted else not isinstance(found, str)
    assert RECIPE.match(ticket(body))


@pytest.mark.parametrize(("body", "field"), ACCEPTED)
def test_reasons_and_politeness_do_not_stand_in_the_way(body: str, field: str | None) -> None:
    assert outcome(body, "A field") == (field or "Customer.nick TextField blank=True")
    assert RECIPE.match(ticket(body))


@pytest.mark.parametrize(
    ("title", "asked"),
    [
        ("Customers need a nickname", None),
        ("Soft delete for customers", None),
        ("Nickname index", beyond("Nickname index")),
        ("Encrypted nickname", beyond("Encrypted nickname")),
        ("Export customers", beyond("Export customers")),
        ("[Feature] Add a nickname to customers", None),
        ("feat(shop): nickname for customers (#12)", None),
        ("Tell what was done by hand", None),
        ("Add FIELD to MODEL", None),
        ("Customer.nickname", None),
        ("Don't add nickname", negation("Don't add nickname")),
        ("Should we add a nickname?", None),
        ("When was a customer greeted by name?", None),
        ("Maybe a nickname", None),
        ("Can we search by nickname?", question("Can we search by nickname?")),
        ("Maybe rename email", hedge("Maybe rename email")),
        ("Should it be in the admin?", question("Should it be in the admin?")),
        ("Rename email to mail", beyond("Rename email to mail")),
        ("Add nickname and an index", beyond("Add nickname and an index")),
        ("Add nickname, encrypted", beyond("Add nickname, encrypted")),
        (
            "Add nickname to Order",
            two_models("shop.Customer (the heading “Model”)", "Order (“Add nickname to Order”)"),
        ),
        (
            "Add birthday to Customer",
            (
                "The ticket names several fields: `nickname`, `birthday`. One ticket adds one "
                "field; which one is it? Please open a ticket for each other one."
            ),
        ),
        (
            "A date field for nicknames",
            (
                "The field type is said twice, differently: CharField (the heading “Field type”) "
                "and DateField (“A date field for nicknames”). Which one holds?"
            ),
        ),
    ],
)
def test_a_title_may_sum_up_but_not_contradict(title: str, asked: str | None) -> None:
    assert outcome(form(), title) == ((asked,) if asked else FORM)


def test_a_relation_between_two_models_that_does_not_say_which_owns_it_is_asked_about():
    text = "Add a ForeignKey `friend` to `Order` to `Customer`, null=True, on_delete=SET_NULL."
    with pytest.raises(TicketUnclear) as unclear:
        settle(text, FILES)
    (first, *_) = unclear.value.questions
    assert first.startswith("The ticket names more than one model: Order (")
    assert "Customer (" in first


def test_a_title_may_name_an_option_that_is_stated() -> None:
    assert outcome(ADD.replace("blank=True", "blank=True, db_index=True"), "Nick index") == (
        f"{NICK}, db_index=True"
    )


def test_what_is_taken_for_background_is_named_in_the_pull_request_text() -> None:
    told = settle(f"Support asks for it daily. {ADD} Thanks! cc @ada", FILES, "Soft delete").remarks
    assert [remark for remark in told if "background" in remark] == [
        "Read as background, nothing is done for it: “Soft delete”, “Support asks for it daily”."
    ]
    many = settle(
        ADD + " Ada likes it." + " Bob likes it." + " Cem did too." * 2 + " Dee knows.", FILES
    )
    assert many.remarks[-1].endswith("“Ada likes it”, “Bob likes it”, “Cem did too” and 1 more.")
    assert not any("background" in remark for remark in settle(ADD, FILES).remarks)
