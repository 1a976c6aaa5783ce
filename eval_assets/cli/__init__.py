"""The command line, `eval-assets`. Commands import what they need when they run, so that `check` stays quick."""
