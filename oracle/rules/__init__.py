"""The eligibility rules (regulation 7b), the table of them, and the verdict.

Begin with `table.evaluate(case)`: every rule, in order, over one `Case`. Pure: the same case gives the same verdicts.
"""
