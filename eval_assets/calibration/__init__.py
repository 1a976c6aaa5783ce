"""How far a judge can be trusted: its verdicts beside people's labels. Tables in, tables out, no Dagster."""
