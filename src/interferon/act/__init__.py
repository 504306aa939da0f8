"""The life of an effect, the budgets it draws on, and what an action and an executor must offer. Pure: no I/O, no clock."""
