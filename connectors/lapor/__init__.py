"""SP4N-LAPOR!'s REST dialect, reading."""
