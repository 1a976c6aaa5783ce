"""Text that UTF-8 can encode."""


def whole_characters(text: str) -> str:
    r"""The text with the replacement character in place of each half of a surrogate pair, such as a cut emoji leaves.

    >>> whole_characters("cut \ud83d"), whole_characters("\ud83d\ude00")
    ('cut �', '😀')
    """
    return text if text.isascii() else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
