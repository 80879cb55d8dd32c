//! The figures: a line for each as it is measured, and all of them as JSON.

use std::path::PathBuf;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::{Map, Value};

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// This much or more.
    AtLeast(f64),
    /// This much or less.
    AtMost(f64),
    /// This, neither more nor less.
    Exactly(f64),
}

impl Goal {
    fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(goal) => value >= goal,
            Self::AtMost(goal) => value <= goal,
            // A count divided by a count.
            Self::Exactly(goal) => (value - goal).abs() < 1e-9,
        }
    }
}

impl std::fmt::Display for Goal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtLeast(goal) => write!(f, ">= {goal}"),
            Self::AtMost(goal) => write!(f, "<= {goal}"),
            Self::Exactly(goal) => write!(f, "= {goal}"),
        }
    }
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    name: String,
    value: Option<f64>,
    goal: String,
    unit: String,
    ok: bool,
    parts: Map<String, Value>,
}

impl Figure {
    /// A figure with its goal.
    pub(crate) fn new(name: &str, value: f64, goal: Goal, unit: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: Some(rounded(value)),
            goal: goal.to_string(),
            unit: unit.to_owned(),
            ok: goal.is_met(value),
            parts: Map::new(),
        }
    }

    /// What could not be measured is a missed goal.
    fn failed(name: &str, error: &anyhow::Error) -> Self {
        let reason = Value::from(format!("{error:#}"));
        Self {
            name: name.to_owned(),
            value: None,
            goal: "to be measured".to_owned(),
            unit: String::new(),
            ok: false,
            parts: Map::from_iter([("error".to_owned(), reason)]),
        }
    }

    /// With what it is made of.
    pub(crate) fn part(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = match value.into() {
            Value::Number(number) if number.is_f64() => {
                Value::from(rounded(number.as_f64().unwrap_or_default()))
            }
            other => other,
        };
        self.parts.insert(name.to_owned(), value);
        self
    }

    fn line(&self) -> String {
        let mark = if self.ok { "ok  " } else { "MISS" };
        let value = self
            .value
            .map_or_else(|| "-".to_owned(), |value| value.to_string());
        let parts: Vec<_> = self
            .parts
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        format!(
            "{mark}  {:<34} {value:>9} {:<10} goal {:<8}  {}",
            self.name,
            self.unit,
            self.goal,
            parts.join(" ")
        )
    }
}

/// Four digits are more than a shared machine can repeat.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let digits = (3 - value.abs().log10().floor() as i32).clamp(0, 6);
    let factor = 10_f64.powi(digits);
    (value * factor).round() / factor
}

/// Every figure so far.
pub(crate) struct Report {
    path: PathBuf,
    figures: Vec<Figure>,
}

impl Report {
    /// An empty report that will be written to this file.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            figures: Vec::new(),
        }
    }

    /// Shows what a measurement found, and writes the report as it stands.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn add(
        &mut self,
        name: &str,
        measured: anyhow::Result<Vec<Figure>>,
    ) -> anyhow::Result<()> {
        let figures = measured.unwrap_or_else(|error| vec![Figure::failed(name, &error)]);
        for figure in figures {
            println!("{}", figure.line());
            self.figures.push(figure);
        }
        self.write()
            .with_context(|| format!("while writing {}", self.path.display()))
    }

    fn write(&self) -> anyhow::Result<()> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut text = serde_json::to_string_pretty(&self.figures)?;
        text.push('\n');
        std::fs::write(&self.path, text)?;
        Ok(())
    }

    /// Whether every goal is met.
    pub(crate) fn all_ok(&self) -> bool {
        self.figures.iter().all(|figure| figure.ok)
    }

    /// Says how it went in all.
    pub(crate) fn conclude(&self) {
        let missed: Vec<_> = self
            .figures
            .iter()
            .filter(|figure| !figure.ok)
            .map(|figure| figure.name.as_str())
            .collect();
        let count = self.figures.len();
        if missed.is_empty() {
            println!("{count} figures, every goal met: {}", self.path.display());
        } else {
            println!(
                "{count} figures, {} missed ({}): {}",
                missed.len(),
                missed.join(", "),
                self.path.display()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_holds_on_its_own_side_only() {
        assert!(Goal::AtLeast(0.4).is_met(0.4) && !Goal::AtLeast(0.4).is_met(0.39));
        assert!(Goal::AtMost(1.5).is_met(1.5) && !Goal::AtMost(1.5).is_met(1.51));
        assert!(Goal::Exactly(1.0).is_met(1.0) && !Goal::Exactly(1.0).is_met(1.01));
    }

    #[test]
    fn what_failed_is_a_miss_with_its_reason() {
        let figure = Figure::failed("walk", &anyhow::anyhow!("no page"));

        assert!(!figure.ok);
        assert_eq!(figure.parts["error"], "no page");
    }

    #[test]
    fn four_digits_are_kept() {
        assert_eq!(rounded(1234.56), 1235.0);
        assert_eq!(rounded(0.412_345), 0.4123);
        assert_eq!(rounded(0.0), 0.0);
    }
}
