"""Writers: a calibration in the form that a runtime reads."""
