//! The columns of sealed values: the one list of them, and the statements that read and write them.
//!
//! Whatever else is sealed gets a line here, and the test of `tests/it/sealed.rs` says so.

use ie_model::InstanceId;
use ie_model::instance::secret;

use crate::rows::Rows;
use crate::sql::Sql;

/// A column of sealed values.
#[derive(Debug)]
pub struct SealedColumn {
    /// Its table.
    pub table: &'static str,
    /// Its name.
    pub column: &'static str,
    /// What tells its rows apart, and the type of that.
    pub(crate) key: (&'static str, &'static str),
    /// What notes a change of a row, so that a writer who has read it before does not undo it; empty where nothing does.
    pub(crate) touch: &'static str,
    pub(crate) form: Form,
}

/// How values stand in a column. The functions give the context that a value is sealed for, by its row's key.
#[derive(Debug)]
pub(crate) enum Form {
    /// A JSON object of sealed values by their names.
    Object(fn(key: &str, name: &str) -> String),
    /// One sealed value, or none.
    Value(fn(key: &str) -> String),
}

/// Everything that is sealed.
pub const SEALED_COLUMNS: &[SealedColumn] = &[
    SealedColumn {
        table: "instances",
        column: "secrets",
        key: ("id", "BIGINT"),
        touch: ", updated_at = updated_at + 1",
        form: Form::Object(of_instance),
    },
    SealedColumn {
        table: "trials",
        column: "secrets",
        key: ("instance_id", "BIGINT"),
        touch: "",
        form: Form::Object(of_instance),
    },
    of_account("organizations"),
    of_account("users"),
    SealedColumn {
        table: "idempotency_keys",
        column: "answer",
        key: ("(CAST(user_id AS TEXT) || ':' || key_hash)", "TEXT"),
        touch: "",
        form: Form::Value(|key| format!("idempotency:{key}")),
    },
];

fn of_instance(key: &str, name: &str) -> String {
    let id = key.parse().map(InstanceId).unwrap_or(InstanceId(0));
    secret::context(id, name)
}

/// The copy of an account's secret, which is sealed for its hash.
const fn of_account(table: &'static str) -> SealedColumn {
    SealedColumn {
        table,
        column: "sealed_secret",
        key: ("secret_hash", "TEXT"),
        touch: "",
        form: Form::Value(|hash| format!("account-secret:{hash}")),
    }
}

impl SealedColumn {
    /// Its rows after a key, in the order of keys: key and text.
    pub(crate) fn select(&self, after: Option<&str>, limit: u32) -> Sql {
        let (key, kind) = self.key;
        let mut sql = self.rows();
        if let Some(after) = after {
            sql.push(" AND ").push(key).push(" > ");
            sql.push_bind("CAST(", after)
                .push(" AS ")
                .push(kind)
                .push(")");
        }
        sql.push(" ORDER BY ").push(key).push_bind(" LIMIT ", limit);
        sql
    }

    /// A row with a value that none of these keys has sealed.
    pub(crate) fn select_unknown<'a>(&self, keys: impl Iterator<Item = &'a str>) -> Sql {
        let mut sql = self.rows();
        match self.form {
            // Nothing else in an object looks like this: a quote in a name or a value is preceded by a backslash.
            Form::Object(_) => {
                let keys: Vec<&str> = keys.collect();
                sql.push(" AND ");
                for _ in &keys {
                    sql.push("replace(");
                }
                sql.push(self.column);
                for key in keys {
                    sql.push_bind(", ", format!(":\"v1.{key}.")).push(", '')");
                }
                sql.push(" LIKE '%:\"v1.%'");
            }
            Form::Value(_) => {
                for key in keys {
                    sql.push(" AND ").push(self.column);
                    sql.push_bind(" NOT LIKE ", format!("v1.{key}.%"));
                }
            }
        }
        sql.push(" LIMIT 1");
        sql
    }

    fn rows(&self) -> Sql {
        let mut sql = Sql::new("SELECT CAST(");
        sql.push(self.key.0).push(" AS TEXT), ").push(self.column);
        sql.push(" FROM ").push(self.table);
        sql.push(" WHERE ").push(self.column).push(" IS NOT NULL");
        sql
    }

    /// Replaces the texts of rows that still have the text that was read; gives their keys.
    pub(crate) fn replace(&self, rows: Rows) -> Sql {
        let (key, kind) = self.key;
        let mut sql = Sql::new("UPDATE ");
        sql.push(self.table).push(" SET ").push(self.column);
        sql.push(" = rows.text_after").push(self.touch);
        sql.push(" FROM rows WHERE ").push(key);
        sql.push(" = CAST(rows.row_key AS ")
            .push(kind)
            .push(") AND ");
        sql.push(self.column).push(" = rows.text_before");
        sql.push(" RETURNING CAST(").push(key).push(" AS TEXT)");
        sql.rows(rows)
    }
}
