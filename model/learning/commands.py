"""What `circumplex train` and `circumplex evaluate` call. No argument parsing, no printing.

Signatures:
    train_command(options: TrainOptions, progress: Progress = no_progress) -> TrainSummary
    evaluate_command(options: EvaluateOptions, progress: Progress = no_progress) -> EvaluationReport
    Progress = Callable[[stage: str, done: int, total: int], None]

`TrainSummary.describe()` and `EvaluationReport.describe()` are texts for a terminal;
`EvaluationReport.to_dict()` is plain data for JSON. Errors are `model.errors.ModelError`.
"""
