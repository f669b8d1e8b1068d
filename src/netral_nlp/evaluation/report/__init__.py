"""The report of an evaluation: one HTML file that needs no network, with metrics.json beside it."""

from netral_nlp.evaluation.report.page import (
    METRICS_NAME,
    RECHECK_NAME,
    REPORT_NAME,
    check_folder,
    render_report,
    write_report,
)

__all__ = ["METRICS_NAME", "RECHECK_NAME", "REPORT_NAME", "check_folder", "render_report", "write_report"]
