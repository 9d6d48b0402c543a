"""The field's measures of accuracy, each with its source. Missing is NaN and never counts; units are in the names."""
