//! `insightly-events dead-letters …`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use ie_model::ErrorClass;
use serde_json::{Map, Value};

/// What to do with dead letters.
#[derive(Debug, Subcommand)]
pub(crate) enum DeadLettersCommand {
    /// List them, oldest first, with the reason of each
    List {
        #[command(flatten)]
        which: Which,
    },
    /// Show one with every attempt, what the callback answered, and the body
    Show {
        /// The event's id
        id: i64,
    },
    /// Deliver them again: those named, or all that the options leave
    Redrive(Take),
    /// Give them up for good: those named, or all that the options leave
    Discard(Take),
    /// Write them with body and attempts as lines of JSON, however many there are
    Export {
        #[command(flatten)]
        which: Which,
        /// Where to [default: standard output]; the file is there once it is complete
        #[arg(short, long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// Which dead letters, in the words of the API.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub(crate) struct Which {
    /// Only those of this instance
    #[arg(long, value_name = "ID")]
    pub(crate) instance: Option<i64>,
    /// Only of this resource, such as contacts
    #[arg(long, value_name = "RESOURCE")]
    pub(crate) object_type: Option<String>,
    /// Only those whose last attempt failed like this, such as timeout or server
    #[arg(long, value_name = "CLASS")]
    pub(crate) error_class: Option<ErrorClass>,
    /// Stored at this time or later, such as 2026-11-24T10:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Stored before this time
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
}

impl Which {
    /// What it narrows by, as parameters of the API.
    pub(crate) fn parameters(&self) -> Vec<(&'static str, String)> {
        let class = self.error_class.map(|class| class.as_str().to_owned());
        let parameters = [
            ("instanceId", self.instance.map(|id| id.to_string())),
            ("objectType", self.object_type.clone()),
            ("errorClass", class),
            ("from", self.from.clone()),
            ("to", self.to.clone()),
        ];
        let given = parameters.into_iter();
        given
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }
}

/// Which dead letters are taken, and how many of them.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub(crate) struct Take {
    #[command(flatten)]
    pub(crate) which: Which,
    /// At most this many, the oldest first [default: all of them, some at a time]
    #[arg(long, value_name = "COUNT")]
    pub(crate) limit: Option<u32>,
    /// Which ones
    pub(crate) ids: Vec<i64>,
}

impl Take {
    /// Whether nothing says which ones.
    pub(crate) fn is_everything(&self) -> bool {
        self.ids.is_empty() && self.which == Which::default()
    }

    /// The body of a request for it.
    pub(crate) fn body(&self) -> Value {
        let narrowed = self.which.parameters().into_iter();
        let mut body: Map<String, Value> = narrowed
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        if let Some(limit) = self.limit {
            body.insert("limit".to_owned(), limit.into());
        }
        if !self.ids.is_empty() {
            body.insert("ids".to_owned(), self.ids.clone().into());
        }
        body.into()
    }
}
