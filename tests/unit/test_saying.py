"""What the command line prints, warnings of a run included."""

import logging

from eval_assets.cli.saying import say, say_warnings


def test_control_characters_are_shown_in_what_is_printed_and_logged(capsys):
    say_warnings()
    say_warnings()  # as every command does
    say("\x1b[31mred\a")
    logging.getLogger("eval_assets").warning("a request failed: %s", "\x9b5m \u202eright \x00")
    logging.getLogger("eval_assets").info("nobody asked")
    printed = capsys.readouterr()
    assert printed.out == "\\u001b[31mred\\u0007\n"
    assert printed.err == "a request failed: \\u009b5m \\u202eright \\u0000\n"
