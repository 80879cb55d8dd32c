//! Many records as one table of a statement: arrays in PostgreSQL, one JSON text in SQLite.

use serde_json::json;
use sqlx::Arguments as _;
use sqlx::postgres::PgArguments;

use crate::dialect::Dialect;
use crate::sql::without_nul;

/// Columns of equal length.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    columns: Vec<(&'static str, Column)>,
}

#[derive(Clone, Debug)]
enum Column {
    Int(Vec<Option<i64>>),
    Text(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
    Bool(Vec<bool>),
}

impl Rows {
    /// No column yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a column of numbers.
    pub(crate) fn int<T>(self, name: &'static str, values: impl IntoIterator<Item = T>) -> Self
    where
        T: Into<Option<i64>>,
    {
        let values = values.into_iter().map(Into::into).collect();
        self.with(name, Column::Int(values))
    }

    /// Adds a column of texts.
    pub(crate) fn text<T>(self, name: &'static str, values: impl IntoIterator<Item = T>) -> Self
    where
        T: Into<String>,
    {
        self.optional_text(name, values.into_iter().map(|text| Some(text.into())))
    }

    /// Adds a column of texts that may be absent.
    pub(crate) fn optional_text(
        self,
        name: &'static str,
        values: impl IntoIterator<Item = Option<String>>,
    ) -> Self {
        let values = values.into_iter().map(|text| text.map(without_nul));
        self.with(name, Column::Text(values.collect()))
    }

    /// Adds a column of bytes.
    pub(crate) fn bytes<T>(self, name: &'static str, values: impl IntoIterator<Item = T>) -> Self
    where
        T: Into<Option<Vec<u8>>>,
    {
        let values = values.into_iter().map(Into::into).collect();
        self.with(name, Column::Bytes(values))
    }

    /// Adds a column of truths.
    pub(crate) fn bool(self, name: &'static str, values: impl IntoIterator<Item = bool>) -> Self {
        self.with(name, Column::Bool(values.into_iter().collect()))
    }

    fn with(mut self, name: &'static str, column: Column) -> Self {
        let rows = self.columns.first().map(|(_, first)| first.len());
        debug_assert!(
            rows.is_none_or(|rows| rows == column.len()),
            "{name} has another length than the columns before it"
        );
        self.columns.push((name, column));
        self
    }

    /// The names of the columns, as they stand in a statement.
    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }

    /// The query that yields the rows; `first` is the number of its first placeholder.
    pub(crate) fn source(&self, dialect: Dialect, first: usize) -> String {
        let columns = self.columns.iter().enumerate();
        match dialect {
            Dialect::Postgres => {
                let arrays =
                    columns.map(|(i, (_, column))| format!("${}{}", first + i, column.cast()));
                format!(
                    "SELECT * FROM UNNEST({})",
                    arrays.collect::<Vec<_>>().join(", ")
                )
            }
            Dialect::Sqlite => {
                let fields = columns.map(|(i, (_, column))| column.extract(i));
                format!(
                    "SELECT {} FROM json_each(${first})",
                    fields.collect::<Vec<_>>().join(", ")
                )
            }
        }
    }

    /// Adds an array for each column.
    pub(crate) fn bind_arrays(self, arguments: &mut PgArguments) -> Result<(), sqlx::Error> {
        for (_, column) in self.columns {
            match column {
                Column::Int(values) => arguments.add(values),
                Column::Text(values) => arguments.add(values),
                Column::Bytes(values) => arguments.add(values),
                Column::Bool(values) => arguments.add(values),
            }
            .map_err(sqlx::Error::Encode)?;
        }
        Ok(())
    }

    /// A list of lists; bytes in hex.
    pub(crate) fn json(&self) -> String {
        let count = self.columns.first().map_or(0, |(_, column)| column.len());
        let rows = (0..count).map(|row| {
            let fields = self.columns.iter().map(|(_, column)| column.field(row));
            serde_json::Value::Array(fields.collect())
        });
        serde_json::Value::Array(rows.collect()).to_string()
    }
}

impl Column {
    fn len(&self) -> usize {
        match self {
            Self::Int(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Bytes(values) => values.len(),
            Self::Bool(values) => values.len(),
        }
    }

    fn cast(&self) -> &'static str {
        match self {
            Self::Int(_) => "::bigint[]",
            Self::Text(_) => "::text[]",
            Self::Bytes(_) => "::bytea[]",
            Self::Bool(_) => "::boolean[]",
        }
    }

    fn extract(&self, index: usize) -> String {
        match self {
            Self::Bytes(_) => format!("unhex(value ->> {index})"),
            Self::Int(_) | Self::Text(_) | Self::Bool(_) => format!("value ->> {index}"),
        }
    }

    fn field(&self, row: usize) -> serde_json::Value {
        match self {
            Self::Int(values) => json!(values[row]),
            Self::Text(values) => json!(values[row]),
            Self::Bytes(values) => json!(values[row].as_ref().map(hex::encode)),
            Self::Bool(values) => json!(values[row]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_reads_its_columns_out_of_one_text() {
        let rows = Rows::new()
            .int("id", [1])
            .bytes("digest", [vec![0xab, 0x01]])
            .bool("active", [true])
            .optional_text("name", [None]);

        assert_eq!(rows.json(), r#"[[1,"ab01",true,null]]"#);
        assert_eq!(rows.names(), "id, digest, active, name");
        assert_eq!(
            rows.source(Dialect::Sqlite, 3),
            "SELECT value ->> 0, unhex(value ->> 1), value ->> 2, value ->> 3 FROM json_each($3)"
        );
    }
}
