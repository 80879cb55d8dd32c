//! The state: PostgreSQL and SQLite behind one contract. The only crate that names sqlx.
