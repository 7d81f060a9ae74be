"""An agency's own database: PostgreSQL, MySQL, MariaDB or SQLite, only ever read."""
