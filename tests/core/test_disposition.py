"""Content-Disposition as servers send it and as we send it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tui_downloads.core.disposition import content_disposition, filename, raw_text


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("attachment", ""),
        ("", ""),
        ('attachment; filename="a b.txt"', "a b.txt"),
        ("attachment; filename=foo.txt", "foo.txt"),
        ("ATTACHMENT; FileName=foo.txt", "foo.txt"),
        ("inline; filename=foo.txt;", "foo.txt"),
        ("attachment; filename = foo.txt", "foo.txt"),
        ("filename=foo.txt", "foo.txt"),
        ("attachment; filename=my file.pdf; size=3", "my file.pdf"),
        ('attachment; filename="a\\"b\\\\c.txt"', "c.txt"),
        ('attachment; filename="a\\"b.txt"', 'a"b.txt'),
        ('attachment; filename="unfinished', "unfinished"),
        ('attachment; filename="', ""),
        ("attachment; filename=", ""),
        ('attachment; filename="x;y=z.txt"; a=b', "x;y=z.txt"),
        ("attachment; filename=first; filename=second", "first"),
        ("attachment; filename*=UTF-8''na%C3%AFve.txt", "naïve.txt"),
        ("attachment; filename*=utf-8'en'%e2%82%ac.txt; filename=euro.txt", "€.txt"),
        ("attachment; filename=euro.txt; filename*=UTF-8''%e2%82%ac.txt", "€.txt"),
        ("attachment; filename*=iso-8859-1'en'%A3.txt", "£.txt"),
        ('attachment; filename*="UTF-8\'\'a%20b.txt"', "a b.txt"),
        ("attachment; filename*=''a%20b.txt", "a b.txt"),
        ("attachment; filename*=a%20b.txt", "a b.txt"),
        ("attachment; filename*=bogus'x'%FF; filename=plain.txt", "plain.txt"),
        ("attachment; filename*=us-ascii''%C3%BC.txt", "ü.txt"),
        ("attachment; filename*=zlib''x.txt", "x.txt"),
        ("attachment; filename*=UTF-8''; filename=plain.txt", "plain.txt"),
        ("attachment; filename*=UTF-8''%zz.txt; filename=plain.txt", "plain.txt"),
        ("attachment; filename*=UTF-8''half%2", "half%2"),
        ("attachment; filename*0*=UTF-8''a%20; filename*1=b.txt", "a b.txt"),
        ('attachment; filename*0="long"; filename*1="name.txt"', "longname.txt"),
        ('attachment; filename*0="only.txt"', "only.txt"),
        ('attachment; filename*0=a; filename*2=c', "a"),
        ('attachment; filename*1=b; filename=plain.txt', "plain.txt"),
        ("attachment; filename*0*=us-ascii''%FF%FE", "��"),
        ('attachment; filename="voil\xc3\xa0.txt"', "voilà.txt"),
        ('attachment; filename="voil\xe0.txt"', "voilà.txt"),
        ('attachment; filename="ж.txt"', "ж.txt"),
        ('attachment; filename="=?UTF-8?B?w6kudHh0?="', "é.txt"),
        ('attachment; filename="=?iso-8859-1?Q?caf=E9_1.txt?="', "café 1.txt"),
        ('attachment; filename="=?UTF-8?B?a?="', "="),
        ('attachment; filename="=?bogus?Q?=FF?="', "="),
        ('attachment; filename="na%C3%AFve.txt"', "naïve.txt"),
        ('attachment; filename="100%.txt"', "100%.txt"),
        ('attachment; filename="%FF.txt"', "%FF.txt"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\dir\\file.exe"', "file.exe"),
        ("attachment; filename*=UTF-8''..%2F..%2Fx", "x"),
        ('attachment; filename="dir/"', "dir"),
        ('=;="x"; filename=y', "y"),
    ],
)  # fmt: skip
def test_a_file_name_is_read(value: str, name: str):
    """RFC 6266 and 8187, and what servers make of them; a path counts by its last component."""
    if name == "=":
        assert filename(value).startswith("=")
    else:
        assert filename(value) == name


@pytest.mark.parametrize(
    ("title", "field"),
    [
        ("a.txt", "attachment; filename*=UTF-8''a.txt; filename=\"a.txt\""),
        ("naïve \"x\".txt", "attachment; filename*=UTF-8''na%C3%AFve%20%22x%22.txt; filename=\"naive _x_.txt\""),
        ("日本.txt", "attachment; filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt; filename=\"download.txt\""),
        ("日本", "attachment; filename*=UTF-8''%E6%97%A5%E6%9C%AC; filename=\"download\""),
        (".profile", "attachment; filename*=UTF-8''.profile; filename=\".profile\""),
        ("a\r\nb", "attachment; filename*=UTF-8''a__b; filename=\"a__b\""),
        ("", "attachment; filename*=UTF-8''download; filename=\"download\""),
    ],
)  # fmt: skip
def test_a_field_of_ours_names_the_file_twice(title: str, field: str):
    """`filename*` comes first, an ASCII `filename` last."""
    assert content_disposition(title) == field


def test_the_kind_may_be_chosen():
    """A player wants `inline`."""
    assert content_disposition("a", "inline").startswith("inline; ")


@given(st.text(st.characters(exclude_categories=()), max_size=200))
def test_what_we_write_we_read(title: str):
    """The full title comes back, controls marked, its last component taken."""
    field = content_disposition(title)
    assert field.isascii() and "\n" not in field and "\r" not in field
    assert "/" not in filename(field)


@given(st.one_of(st.text(st.characters(exclude_categories=())), st.binary().map(lambda data: data.decode("latin-1"))))
@example("=?utf-8?q?\ud800?=")
def test_reading_never_raises(text: str):
    """Any field gives a name or none."""
    for value in (text, f"attachment; filename={text}", f'a; filename="{text}"', f"a; filename*={text}",
                  f"a; filename*=UTF-8''{text}", f"a; filename*0*={text}; filename*1={text}",
                  f'a; filename="=?utf-8?b?{text}?="', f'a; filename="=?gbk?q?{text}?="'):  # fmt: skip
        assert isinstance(filename(value), str)
    raw_text(text)
