"""Known bad: Sigma rules judged on recorded log events. Pure: `parse` → records, `plain` and `engine` → hits; files are read in `store`.

parse    one YAML text → frozen records (pySigma parses; nothing else of it is used)
plain    one rule → one closure over one event: the meaning of a rule, and the yardstick of `engine`
engine   all rules at once: indexed by channel and event id, filtered by literals, cached by value, memoised
"""
