//! A statement with its values, written once for both databases.
//!
//! The text is PostgreSQL's and SQLite's common ground, with `$1` for values. What differs stands in it as a mark:
//! `{skip_locked}`, `{greatest}`, `{least}`. Many records travel as [`Rows`]: a table named `rows` that the text can
//! join, select from or insert. The text is then the same for 1 record and for 500, so that the database prepares it
//! once, and no limit on the number of values is met.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use ie_model::{AccountKey, InstanceId, NotificationId, OrganizationId, PollerId, UserId};
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, AssertSqlSafe};

use crate::dialect::Dialect;
use crate::rows::Rows;
use crate::time;

/// A text that is ready to be sent, and its values in order.
pub(crate) struct Ready<A> {
    pub(crate) text: AssertSqlSafe<String>,
    pub(crate) arguments: A,
}

/// One value of a statement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Bool(bool),
}

/// A statement under construction.
#[derive(Clone, Debug)]
pub(crate) struct Sql {
    /// What stands before everything, such as `EXPLAIN `.
    ask: &'static str,
    text: Cow<'static, str>,
    values: Vec<Value>,
    rows: Option<Rows>,
}

impl Sql {
    /// A statement with this text; its values follow by [`Sql::bind`], in the order of their numbers.
    pub(crate) fn new(text: &'static str) -> Self {
        Self {
            ask: "",
            text: Cow::Borrowed(text),
            values: Vec::new(),
            rows: None,
        }
    }

    /// The next value.
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// More text.
    pub(crate) fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// More text that ends with the placeholder of this value.
    pub(crate) fn push_bind(&mut self, text: &'static str, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        let placeholder = format!("${}", self.values.len());
        self.push(text).text.to_mut().push_str(&placeholder);
        self
    }

    /// The same behind other text.
    #[cfg(feature = "testing")]
    pub(crate) fn after(mut self, text: &str) -> Self {
        self.text.to_mut().insert_str(0, text);
        self
    }

    /// Asks the database for something about the statement.
    #[cfg(feature = "testing")]
    pub(crate) fn ask(mut self, ask: &'static str) -> Self {
        self.ask = ask;
        self
    }

    /// The table `rows`.
    pub(crate) fn rows(mut self, rows: Rows) -> Self {
        self.rows = Some(rows);
        self
    }

    /// The statement for PostgreSQL.
    pub(crate) fn postgres(self) -> Result<Ready<PgArguments>, sqlx::Error> {
        let text = self.render(Dialect::Postgres);
        let mut arguments = PgArguments::default();
        for value in self.values {
            match value {
                Value::Int(value) => arguments.add(value),
                Value::Text(value) => arguments.add(value.map(without_nul)),
                Value::Bool(value) => arguments.add(value),
            }
            .map_err(sqlx::Error::Encode)?;
        }
        if let Some(rows) = self.rows {
            rows.bind_arrays(&mut arguments)?;
        }
        Ok(Ready { text, arguments })
    }

    /// The statement for SQLite.
    pub(crate) fn sqlite(self) -> Result<Ready<SqliteArguments>, sqlx::Error> {
        let text = self.render(Dialect::Sqlite);
        let mut arguments = SqliteArguments::default();
        for value in self.values {
            match value {
                Value::Int(value) => arguments.add(value),
                Value::Text(value) => arguments.add(value.map(without_nul)),
                Value::Bool(value) => arguments.add(value),
            }
            .map_err(sqlx::Error::Encode)?;
        }
        if let Some(rows) = self.rows {
            arguments.add(rows.json()).map_err(sqlx::Error::Encode)?;
        }
        Ok(Ready { text, arguments })
    }

    /// Only texts of this crate and numbers of placeholders are put together here; values are always bound.
    fn render(&self, dialect: Dialect) -> AssertSqlSafe<String> {
        let text = dialect.replace_marks(&self.text);
        let Some(rows) = &self.rows else {
            return AssertSqlSafe(format!("{}{text}", self.ask));
        };
        let (names, source) = (rows.names(), rows.source(dialect, self.values.len() + 1));
        let ask = self.ask;
        AssertSqlSafe(format!("{ask}WITH rows({names}) AS ({source}) {text}"))
    }
}

/// PostgreSQL's texts hold no NUL; what a callback answers may.
pub(crate) fn without_nul(text: String) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}")
    } else {
        text
    }
}

macro_rules! into_value {
    ($($from:ty => |$value:ident| $to:expr;)*) => {
        $(impl From<$from> for Value {
            fn from($value: $from) -> Self {
                $to
            }
        })*
    };
}

into_value! {
    i64 => |value| Value::Int(Some(value));
    u32 => |value| Value::Int(Some(value.into()));
    Option<i64> => |value| Value::Int(value);
    Option<u32> => |value| Value::Int(value.map(i64::from));
    bool => |value| Value::Bool(value);
    &str => |value| Value::Text(Some(value.to_owned()));
    String => |value| Value::Text(Some(value));
    Option<&str> => |value| Value::Text(value.map(str::to_owned));
    DateTime<Utc> => |value| Value::Int(Some(time::to_ms(value)));
    Option<DateTime<Utc>> => |value| Value::Int(value.map(time::to_ms));
    InstanceId => |value| Value::Int(Some(value.get()));
    NotificationId => |value| Value::Int(Some(value.get()));
    OrganizationId => |value| Value::Int(Some(value.get()));
    PollerId => |value| Value::Int(Some(value.get()));
    UserId => |value| Value::Int(Some(value.get()));
    &AccountKey => |value| Value::Text(Some(value.0.clone()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_what_each_database_calls_them() {
        let sql = Sql::new("SELECT {greatest}(a, $1) FROM t LIMIT 1{skip_locked}").bind(1_i64);

        let sqlite = sql.clone().sqlite().unwrap().text.0;
        let postgres = sql.postgres().unwrap().text.0;

        assert_eq!(sqlite, "SELECT max(a, $1) FROM t LIMIT 1");
        assert_eq!(
            postgres,
            "SELECT GREATEST(a, $1) FROM t LIMIT 1 FOR UPDATE SKIP LOCKED"
        );
    }

    #[test]
    fn rows_are_numbered_after_the_other_values() {
        let rows = Rows::new().int("id", [1, 2]).text("name", ["a", "b"]);
        let sql = Sql::new("SELECT id FROM rows WHERE id > $1").bind(0_i64);

        let postgres = sql.rows(rows).postgres().unwrap().text.0;

        assert_eq!(
            postgres,
            "WITH rows(id, name) AS (SELECT * FROM UNNEST($2::bigint[], $3::text[])) \
             SELECT id FROM rows WHERE id > $1"
        );
    }

    #[test]
    fn pushed_values_carry_their_number() {
        let mut sql = Sql::new("SELECT id FROM t WHERE a = $1").bind("x");

        sql.push_bind(" AND b = ", 7_i64).push(" ORDER BY id");

        let text = sql.sqlite().unwrap().text.0;
        assert_eq!(text, "SELECT id FROM t WHERE a = $1 AND b = $2 ORDER BY id");
    }

    #[test]
    fn a_text_never_holds_a_nul() {
        assert_eq!(without_nul("a\0b".to_owned()), "a\u{fffd}b");
        assert_eq!(without_nul("ab".to_owned()), "ab");
    }
}
