"""Kind `files`: folders, downloads and drops of CSV, XLSX, NDJSON and JSON exports."""
