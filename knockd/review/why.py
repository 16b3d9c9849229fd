"""Why a knock failed, in a few words for whoever knows the sequence.

Pure.
"""

from __future__ import annotations

from knockd.review.entries import Entry


def stage_of(entry: Entry) -> int:
    """The number of steps that had come right; 0 where the line does not say."""
    stage = entry.fields.get("stage")
    return stage if isinstance(stage, int) else 0


def explain_failure(entry: Entry, began: float) -> str:
    """The reason of one failed knock that began at ``began``: a sentence without a stop."""
    fields = entry.fields
    step = _step(entry)
    match entry.event:
        case "expired":
            took = entry.time - began
            span = f" in {took:.0f} s" if took >= 1 and entry.precision < 60 else ""
            return f"too slow: only {step}{span}"
        case "spoiled":
            return f"wrong order after {step}"
        case "guarded":
            seconds = fields.get("seconds")
            span = f", ignored for {seconds:.0f} s" if isinstance(seconds, int | float) else ""
            return f"guard port touched{span}"
        case "ignored":
            seconds = fields.get("seconds")
            span = f" for {seconds:.0f} s more" if isinstance(seconds, int | float) else ""
            reason = fields.get("reason")
            return f"ignored{span}{f': {reason}' if reason else ''}"
        case "flags-unfit":
            return f"the next step wants tcpflags {fields.get('flags', '')}, which no ordinary client sends"
        case "key-used":
            return "a sequence that was used already"
        case "key-behind" | "key-ahead":
            seconds = fields.get("seconds")
            span = f" {seconds:.0f} s" if isinstance(seconds, int | float) else ""
            return f"clock of the knocker{span} {entry.event.removeprefix('key-')}"
        case "key-before-start":
            return "a sequence of before the daemon's start"
        case "signed-refused" | "signed-unread":
            key = f" of {fields['key']}" if fields.get("key") else ""
            return f"signed knock{key} refused: {fields.get('reason', 'the log does not say why')}"
        case "refused":
            return f"refused: {fields.get('reason', 'the log does not say why')}"
        case "command-failed":
            return f"start command failed: exit status {fields.get('status', '?')}"
        case "stage":
            return f"stopped after {step}, no reason logged"
    return entry.event


def _step(entry: Entry) -> str:
    steps = entry.fields.get("steps")
    return f"step {stage_of(entry)}" + (f" of {steps}" if isinstance(steps, int) else "")
