"""Imports OpenVINO without its telemetry.

`import openvino` sends an event to its maker and writes an identifier into the user's home. If the telemetry package
cannot be imported, OpenVINO uses a stub that does nothing. So this module makes that import fail.
"""

from __future__ import annotations

import sys

__all__ = ["openvino"]

_TELEMETRY = "openvino_telemetry"

_imported_before = _TELEMETRY in sys.modules
sys.modules.setdefault(_TELEMETRY, None)  # type: ignore[arg-type]  # documented: an import of this name then fails
try:
    import openvino
finally:
    if not _imported_before:
        del sys.modules[_TELEMETRY]
