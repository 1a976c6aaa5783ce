"""Reading a judge's reply: values, JSON objects and lines that may state a verdict. `verdicts` decides among them."""
