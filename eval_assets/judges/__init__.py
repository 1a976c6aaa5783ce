"""Judges: models that apply a rubric. From a judge file to messages, replies, verdicts and rows of `judge_scores`."""
