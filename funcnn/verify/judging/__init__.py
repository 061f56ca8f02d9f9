"""What every stage stands on: a rule and its truth measured at a point, judged, and the findings kept."""
