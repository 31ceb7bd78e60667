"""python-slugify: a package with mypy in strict mode, unittest classes run by pytest."""

from __future__ import annotations

from tests.flow.model_scripts import calls, create, edit, finish, read
from tests.scripted import Said, Seen
from tests.thirdparty.model_stories.diffs import Part
from tests.thirdparty.model_stories.story import (
    Project,
    Remark,
    Story,
    Test,
    block,
    run_test,
    when,
)
from tests.thirdparty.projects import SLUGIFY

PROJECT = Project(SLUGIFY.source, wire="chat", reviewed_by="anthropic")

_EDGES = "tests/test_modern_edges.py"
_HELD = "slugify/slugify.py::_modern_slugify"

EDGES = Story(
    name="tests-for-a-function-1",
    project=PROJECT,
    title="Tests for modern slugify with None, empty text and a hundred words",
    body="`slugify(..., algorithm='modern')` has no test for `None`, for `''` and for N=100 words.",
    look=(calls(read("slugify/slugify.py"), read("tests/test_modern_word_boundary.py")),),
    plan={
        "title": "Test modern slugify at its edges",
        "category": "tests",
        "steps": ["Test None, empty text and 100 words"],
        "files": [],
    },
    proof=(
        Test(f"{_EDGES}::ModernEdgesTests::test_none_is_refused", "None is a TypeError", _HELD),
        Test(f"{_EDGES}::ModernEdgesTests::test_empty_text_stays_empty", "'' stays ''", _HELD),
        Test(f"{_EDGES}::ModernEdgesTests::test_a_hundred_words", "100 words, cut at 50", _HELD),
    ),
    tests=(
        calls(
            create(
                _EDGES,
                """\
import unittest

from slugify import slugify


class ModernEdgesTests(unittest.TestCase):

    def test_none_is_refused(self):
        with self.assertRaisesRegex(TypeError, 'not NoneType'):
            slugify(None, algorithm='modern')

    def test_empty_text_stays_empty(self):
        self.assertEqual(slugify('', algorithm='modern'), '')

    def test_a_hundred_words(self):
        text = ' '.join(f'word{number}' for number in range(100))
        self.assertEqual(slugify(text, algorithm='modern'), text.replace(' ', '-'))
        short = slugify(text, max_length=50, word_boundary=True, algorithm='modern')
        self.assertEqual(short, 'word0-word1-word2-word3-word4-word5-word6-word7')
""",
            ),
            run_test(_EDGES),
        ),
        when("3 passed", then=calls(finish("Three tests at the edges."))),
    ),
    edit=(),
    files={_EDGES: "A"},
    diff={
        _EDGES: Part(
            19,
            (
                "        with self.assertRaisesRegex(TypeError, 'not NoneType'):",
                "        self.assertEqual(slugify('', algorithm='modern'), '')",
                "        text = ' '.join(f'word{number}' for number in range(100))",
            ),
        )
    },
    remarks=(Remark("The limit of 50 might deserve a name.", _EDGES, 18),),
    checks=("tests", "mypy"),
)

_SPLIT = "tests/test_modern_pipeline.py"
_CODE = "slugify/slugify.py"


def _split(seen: Seen) -> Said:
    """Move what checks the arguments into a function of its own."""
    checks = block(seen, _CODE, "# bool is an int subclass", 'raise ValueError("backend must be')
    header = block(seen, _CODE, "def _modern_slugify(", ") -> str:")
    checked = (
        "def _checked_text(\n"
        "    text: str | bytes | bytearray,\n"
        "    max_length: int,\n"
        "    separator: str,\n"
        "    replacement_stage: ReplacementStage,\n"
        "    backend: Backend,\n"
        ") -> str:\n"
    )
    call = "    text = _checked_text(text, max_length, separator, replacement_stage, backend)\n"
    return calls(
        edit(_CODE, header + checks, f"{checked}{checks}    return text\n\n\n{header}{call}"),
        ("run_check", {"name": "mypy"}),
        run_test("tests/test_release.py", _SPLIT),
    )


SPLIT = Story(
    name="split-of-a-long-function",
    project=PROJECT,
    title="Split `_modern_slugify`",
    body=(
        "It has sixty lines. Extract what checks and decodes the arguments; `slugify` and"
        " `_modern_slugify` keep their interface and their errors."
    ),
    look=(calls(read(_CODE), ("outline", {"path": _CODE})),),
    plan={
        "title": "Extract the checks of modern slugify's arguments",
        "category": "refactor",
        "steps": ["Move the checks into `_checked_text`", "Call it first"],
        "files": [_CODE],
    },
    proof=(
        Test(f"{_SPLIT}::ModernPipelineTests::test_bytes_are_decoded", "bytes work", _HELD),
        Test(f"{_SPLIT}::ModernPipelineTests::test_errors_name_the_argument", "errors", _HELD),
    ),
    tests=(
        calls(
            create(
                _SPLIT,
                """\
import unittest

from slugify import slugify


class ModernPipelineTests(unittest.TestCase):

    def test_bytes_are_decoded(self):
        self.assertEqual(slugify(b'Caf\\xc3\\xa9 noir', algorithm='modern'), 'cafe-noir')

    def test_errors_name_the_argument(self):
        for name, wrong in (('max_length', True), ('separator', 0)):
            with self.subTest(name=name), self.assertRaisesRegex(TypeError, name):
                slugify('a', algorithm='modern', **{name: wrong})
        for name in ('replacement_stage', 'backend'):
            with self.subTest(name=name), self.assertRaisesRegex(ValueError, name):
                slugify('a', algorithm='modern', **{name: 'other'})
""",
            ),
            finish("Two tests that hold before and after."),
        ),
    ),
    edit=(
        calls(read(_CODE, 100, 175), ("search", {"text": "_modern_slugify"})),
        _split,
        when("0 new findings", "passed", then=calls(finish("The checks moved as they were."))),
    ),
    files={_CODE: "M", _SPLIT: "A"},
    diff={
        # What was checked moved by its new name alone: none of its lines was written anew.
        _CODE: Part(
            22,
            (
                "def _checked_text(",
                "    return text",
                "def _modern_slugify(",
                "    entities: bool,",
                "    backend: Backend,",
                ") -> str:",
                "    text = _checked_text(text, max_length, separator, replacement_stage, backend)",
            ),
            (
                "def _modern_slugify(",
                "    entities: bool,",
                "    decimal: bool,",
                "    hexadecimal: bool,",
                "    word_boundary: bool,",
                "    save_order: bool,",
                "    stopwords: Iterable[str],",
                "    regex_pattern: re.Pattern[str] | str | None,",
                "    lowercase: bool,",
                "    replacements: Iterable[Iterable[str]],",
                "    allow_unicode: bool,",
            ),
        ),
        _SPLIT: Part(17, ("class ModernPipelineTests(unittest.TestCase):",)),
    },
    never=("def slugify(", "raise "),
    words="The checks moved as they were.",
    checks=("tests", "mypy"),
)

STORIES = (EDGES, SPLIT)
