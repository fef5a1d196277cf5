"""Numbers with their noun, in messages: '1 sample', '2 samples'."""


def with_noun(number: int, noun: str, nouns: str | None = None) -> str:
    """`number` and `noun`; with `nouns`, by default `noun` and an s, where the number is not 1.

    Both may go on with a verb: with_noun(n, "sample lacks", "samples lack").
    """
    if number == 1:
        return f"1 {noun}"
    return f"{number} {nouns or f'{noun}s'}"
