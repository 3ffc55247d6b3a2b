"""The margin passport: a sub-account moves between two protocols with all that it holds, and closes nothing.

`document` is what is said, `holdings` what is moved, `source` and `target` are the two sides, `office` is both sides of one
protocol, `post` carries letters and money between offices, `link` is what two protocols owe each other.  The rules, and
what can go wrong and what cannot: docs/passport.md.
"""
