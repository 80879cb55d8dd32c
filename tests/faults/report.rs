//! The rows, kept as JSON from one run to the next, and the table in the document.

use std::path::Path;

use anyhow::Context as _;

use crate::row::Row;

const BEGIN: &str = "<!-- table of `make faults`: begin -->";
const END: &str = "<!-- table of `make faults`: end -->";

const HEADER: &str = "\
| Fault | Lasted | Written (written over unread) | Lost | Twice in the store | Again at the callback | Recovered in | Memory | Not as promised |
|---|---|---|---|---|---|---|---|---|";

/// Rows in the order of the catalogue.
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// What former runs have left in this file; nothing, when there is none.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        if !file.exists() {
            return Ok(Self { rows: Vec::new() });
        }
        let text = std::fs::read_to_string(file)?;
        let rows = serde_json::from_str(&text);
        let rows = rows.with_context(|| format!("while reading {}", file.display()))?;
        Ok(Self { rows })
    }

    /// Puts a row in the place of the one with its name.
    pub(crate) fn add(&mut self, row: Row, names: &[&str]) {
        self.rows.retain(|old| old.name != row.name);
        self.rows.push(row);
        let place = |row: &Row| names.iter().position(|name| *name == row.name);
        self.rows
            .sort_by_key(|row| place(row).unwrap_or(usize::MAX));
    }

    /// Writes it where it is found the next time.
    pub(crate) fn write(&self, file: &Path) -> anyhow::Result<()> {
        if let Some(folder) = file.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let text = serde_json::to_string_pretty(&self.rows)?;
        std::fs::write(file, text).with_context(|| format!("while writing {}", file.display()))
    }

    /// Renews the table in a document that has its place marked: rows of faults that are not in this report stay as they
    /// are. `faults` is what each is called there, in their order.
    pub(crate) fn renew(&self, document: &Path, faults: &[&str]) -> anyhow::Result<()> {
        let text = std::fs::read_to_string(document)
            .with_context(|| format!("while reading {}", document.display()))?;
        Ok(std::fs::write(document, self.inserted(&text, faults)?)?)
    }

    fn inserted(&self, text: &str, faults: &[&str]) -> anyhow::Result<String> {
        let marked = || format!("the document has no lines {BEGIN} and {END}");
        let (before, rest) = text.split_once(BEGIN).with_context(marked)?;
        let (old, after) = rest.split_once(END).with_context(marked)?;
        let is_new = |line: &str| self.rows.iter().any(|row| row.what == first_cell(line));
        let stays = |line: &&str| faults.contains(&first_cell(line)) && !is_new(line);
        let kept: Vec<_> = old.lines().filter(stays).map(str::to_owned).collect();
        let earlier = if kept.is_empty() { "" } else { old };
        let mut table: Vec<_> = self.rows.iter().map(Row::markdown).chain(kept).collect();
        table.sort_by_key(|line| faults.iter().position(|fault| *fault == first_cell(line)));
        Ok(format!(
            "{before}{BEGIN}\n{}\n\n{HEADER}\n{}\n{END}{after}",
            self.measured(earlier),
            table.join("\n")
        ))
    }

    /// The days of this report, and those that an earlier table says.
    fn measured(&self, earlier: &str) -> String {
        let said = earlier.split([' ', '.', '\n']).filter(|word| is_day(word));
        let days = self.rows.iter().map(|row| row.day.as_str()).chain(said);
        let (first, last) = (days.clone().min(), days.max());
        match (first, last) {
            (Some(first), Some(last)) if first != last => {
                format!("Measured from {first} to {last}.")
            }
            (_, last) => format!("Measured on {}.", last.unwrap_or("no day")),
        }
    }
}

/// The fault of a line of the table.
fn first_cell(line: &str) -> &str {
    line.split('|').nth(1).unwrap_or_default().trim()
}

fn is_day(word: &str) -> bool {
    chrono::NaiveDate::parse_from_str(word, "%Y-%m-%d").is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, written: usize) -> Row {
        Row {
            name: name.to_owned(),
            what: name.to_owned(),
            day: "2026-11-27".to_owned(),
            written,
            ..Row::default()
        }
    }

    #[test]
    fn a_row_takes_the_place_of_the_former_one_of_its_name() {
        let mut report = Report { rows: Vec::new() };
        for row in [row("b", 1), row("a", 2), row("b", 3)] {
            report.add(row, &["a", "b"]);
        }

        let text = report.inserted(&format!("before {BEGIN} old {END} after"), &["a", "b"]);

        let text = text.unwrap();
        assert!(
            text.starts_with("before ") && text.ends_with(" after"),
            "{text}"
        );
        assert!(!text.contains("old"), "{text}");
        let (a, b) = (text.find("| a |"), text.find("| b | 0 s | 3 "));
        assert!(a.is_some() && b.is_some() && a < b, "{text}");
    }

    #[test]
    fn the_rows_of_faults_that_were_not_made_stay() {
        let report = Report {
            rows: vec![row("b", 3)],
        };
        let old = format!(
            "{BEGIN}\nMeasured on 2026-11-20.\n\n{HEADER}\n| a | 1 s |\n| b | 2 s |\n| gone | 3 s |\n{END}"
        );

        let text = report.inserted(&old, &["a", "b"]).unwrap();

        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[1], "Measured from 2026-11-20 to 2026-11-27.");
        assert_eq!(lines[5], "| a | 1 s |");
        assert!(lines[6].starts_with("| b | 0 s | 3 "), "{text}");
        assert_eq!(lines[7..], [END]);
    }

    #[test]
    fn a_document_without_a_place_for_the_table_is_refused() {
        let report = Report { rows: Vec::new() };
        assert!(report.inserted("nothing", &[]).is_err());
    }
}
