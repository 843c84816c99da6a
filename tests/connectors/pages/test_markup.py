"""Markup: what is put in stays what it is, whatever it says."""

from hypothesis import given, strategies as st

from connectors.pages.markup import Markup, document, element
from tests.connectors.pages.page_reader import Reader

WORDS = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\x00"))


@given(text=WORDS, value=WORDS)
def test_no_text_and_no_attribute_breaks_out(text: str, value: str) -> None:
    reader = Reader()
    reader.feed(element("p", text, title=value))
    reader.close()
    assert reader.tags == ["p"]
    assert "".join(reader.texts) == text
    assert reader.attributes == [("title", value)]


def test_markup_goes_in_as_it_is_and_nothing_is_left_out() -> None:
    inner = element("b", "1 < 2")
    assert isinstance(inner, Markup)
    assert element("p", inner, None, 0.5, 3, class_="wide", x=1.0, id=None) == (
        '<p class="wide" x="1"><b>1 &lt; 2</b>0.53</p>'
    )


def test_a_page_is_whole_in_itself() -> None:
    page = document("a & b", "p{color:red}", element("p", "words"))
    assert page.startswith("<!doctype html>")
    assert "<title>a &amp; b</title>" in page
    assert '<meta charset="utf-8">' in page
