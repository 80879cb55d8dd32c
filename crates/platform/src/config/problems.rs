//! What is wrong with a configuration, all of it, key by key.

use std::fmt::{self, Display, Formatter};

/// A list of problems, each with the key that it is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems {
    list: Vec<Problem>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Problem {
    key: String,
    text: String,
    origin: Option<String>,
}

impl Problems {
    /// Adds that `key` (such as `broker.url`) is wrong: say what was expected and how to mend it.
    pub fn add(&mut self, key: impl Into<String>, text: impl Into<String>) {
        self.list.push(Problem {
            key: key.into(),
            text: text.into(),
            origin: None,
        });
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The keys that something is wrong with, in the order in which it was found.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|problem| problem.key.as_str())
    }

    /// Adds a problem together with where the value came from.
    pub(super) fn add_from(&mut self, key: &str, text: String, origin: String) {
        self.list.push(Problem {
            key: key.to_owned(),
            text,
            origin: Some(origin),
        });
    }

    /// Fills in where the values came from, for problems that do not say so yet.
    pub(super) fn locate(&mut self, origin_of: impl Fn(&str) -> Option<String>) {
        for problem in &mut self.list {
            if problem.origin.is_none() {
                problem.origin = origin_of(&problem.key);
            }
        }
    }
}

impl Display for Problems {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "  {}: {}", problem.key, problem.text)?;
            if let Some(origin) = &problem.origin {
                write!(f, " ({origin})")?;
            }
        }
        Ok(())
    }
}

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the configuration cannot be used:\n{problems}")]
pub struct ConfigError {
    problems: Problems,
}

impl ConfigError {
    /// Every problem that was found.
    pub fn problems(&self) -> &Problems {
        &self.problems
    }
}

impl From<Problems> for ConfigError {
    fn from(problems: Problems) -> Self {
        Self { problems }
    }
}
