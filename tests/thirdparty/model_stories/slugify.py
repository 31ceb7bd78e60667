"""python-slugify: a package with mypy in strict mode, unittest classes run by pytest."""

from __future__ import annotations

from tests.flow.model_scripts import calls, read, run_tests, submit, write
from tests.thirdparty.model_stories.story import Project, Story, when
from tests.thirdparty.sources import Source

PROJECT = Project(
    Source(
        "python-slugify", "9.1.3",
        "90e997f2e0987239ce95e12f700086eb18e1d1d3ee22624fbbdbd095afca42b6",
    ),
    wire="chat",
    reviewed_by="anthropic",
)  # fmt: skip

_EDGES = "tests/test_modern_edges.py"

EDGES = Story(
    name="tests-for-a-function-1",
    project=PROJECT,
    title="Tests for modern slugify with None, empty text and a hundred words",
    body="`slugify(..., algorithm='modern')` has no test for `None`, for `''` and for N=100 words.",
    plan={
        "title": "Test modern slugify at its edges",
        "category": "tests",
        "steps": ["Test None, empty text and 100 words"],
        "files": [],
    },
    proof=(),
    work=(
        calls(read("slugify/slugify.py"), read("tests/test_modern_word_boundary.py")),
        calls(
            write(
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
            run_tests(_EDGES),
        ),
        when("3 passed", then=calls(submit("Three tests at the edges."))),
    ),
    files={_EDGES: "A"},
    remark={"text": "The limit of 50 might deserve a name.", "path": _EDGES, "line": 18},
    words="Three tests at the edges.",
    checks=("tests", "mypy"),
)


STORIES = (EDGES,)
