"""The recipe's parameters, which travel as JSON, and its results."""

from agent.models.record import Record


class Edits(Record):
    files: dict[str, bytes]
    """By path; new or replaced."""
    notes: tuple[str, ...]
    not_done: tuple[str, ...] = ()
    """Sentences of the ticket that these edits do not carry out."""


class Expression(Record):
    code: str
    imports: tuple[str, ...] = ()
    """Statements that the model's file lacks for it."""


class NewTestSpec(Record):
    path: str
    is_method: bool
    """Whether it is a method of a TestCase, for Django's own runner; else a function."""
    module: str
    """Module that the model is imported from."""


class Parameters(Record):
    app_label: str
    model: str
    """Name of its class."""
    path: str
    line: int
    """1-based line of the word `class`."""
    name: str
    definition: Expression
    existing: Expression | None
    """Value for existing rows, used once and not kept as the field's default."""
    migrations: str
    """Folder of the new migration."""
    test: NewTestSpec | None
    form: str
    """The form, filled in: for what Django finds wrong."""
    not_done: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return f"{self.app_label}.{self.model}"

    @property
    def assignment(self) -> str:
        return f"{self.name} = {self.definition.code}"
