"""The recipe's parameters, which are stored as JSON, and its results."""

from pydantic import ConfigDict

from agent.models.record import Record


class Edits(Record):
    files: dict[str, bytes]
    """New contents by path."""
    notes: tuple[str, ...]
    not_done: tuple[str, ...] = ()
    """Sentences of the ticket that the edits do not carry out."""


class Expression(Record):
    code: str
    imports: tuple[str, ...] = ()
    """Import statements that the model's file lacks."""


class NewTestSpec(Record):
    path: str
    is_method: bool
    """Whether the test is a method of a TestCase, for Django's runner; False: a function."""
    module: str
    """Module of the model."""


class Parameters(Record):
    # Waiting runs of earlier versions have more fields.
    model_config = ConfigDict(extra="ignore")

    app_label: str
    model: str
    """Name of the class."""
    path: str
    line: int
    """1-based line of the class."""
    name: str
    definition: Expression
    migrations: str
    """Folder of the new migration."""
    test: NewTestSpec | None
    form: str
    """The filled-in form, for questions that Django's checks raise."""
    not_done: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return f"{self.app_label}.{self.model}"

    @property
    def assignment(self) -> str:
        return f"{self.name} = {self.definition.code}"
