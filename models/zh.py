"""The Chinese of every sentence that is passed to `models.i18n.tr`, by its English."""

CHINESE: dict[str, str] = {
    # models
    # trainer
    # export
    # tui: classify
    # tui: app
}
