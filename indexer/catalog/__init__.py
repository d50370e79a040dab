"""The only SQL: tables, records, and every question that is put to the database."""
