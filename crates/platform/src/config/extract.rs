//! From merged values to a typed configuration, finding every bad value on the way.
//!
//! Serde stops at the first error. So each bad value is noted and replaced by its default, and the extraction runs
//! again, until it succeeds or makes no progress.

use std::collections::BTreeSet;

use figment::error::{Error, Kind};
use serde::de::DeserializeOwned;

use super::environment::{FILE_SUFFIX, insert, remove};
use super::layers::{Layers, find, table};
use super::problems::Problems;
use super::wording::{describe, nearest};

impl Layers {
    /// The configuration, or `None` after adding what is in the way.
    ///
    /// With problems it may still return a configuration, in which bad values are replaced by defaults.
    pub(crate) fn extract<T: DeserializeOwned>(&mut self, problems: &mut Problems) -> Option<T> {
        let mut noted = BTreeSet::new();
        loop {
            let error = match table(&self.root).deserialize::<T>() {
                Ok(config) => return Some(config),
                Err(error) => error,
            };
            if self.reinterpret(&error, problems) {
                continue;
            }
            let key = key_of(&error);
            if !noted.insert(key.clone()) {
                return None;
            }
            let origin = self
                .origin(&error.path)
                .unwrap_or_else(|| "default".to_owned());
            problems.add_from(&key, describe(&error.kind), origin);
            if !self.replace(&error) {
                return None;
            }
        }
    }

    /// Adds the sections that nobody knows and whose names look like slips of the pen.
    ///
    /// Other unknown sections belong to another process that reads the same file.
    pub(crate) fn check_names(&self, problems: &mut Problems) {
        let known: Vec<_> = self.defaults.keys().map(String::as_str).collect();
        let unknown = self
            .root
            .keys()
            .filter(|name| !self.defaults.contains_key(*name));
        for name in unknown {
            if let Some(near) = nearest(name, &known) {
                let text = format!("there is no such section; did you mean `{near}`?");
                problems.add(name, text);
            }
        }
    }

    /// Takes a variable's value another way: the number as text, or `FIELD_FILE` as the name of a file.
    fn reinterpret(&mut self, error: &Error, problems: &mut Problems) -> bool {
        let Some(at) = self
            .variables
            .iter()
            .position(|variable| error.path == variable.path)
        else {
            return false;
        };
        let names_file = matches!(error.kind, Kind::UnknownField(..))
            && self.variables[at]
                .path
                .last()
                .is_some_and(|field| field.ends_with(FILE_SUFFIX));
        if names_file {
            return self.read_file_of(at, problems);
        }

        let Kind::InvalidType(_, expected) = &error.kind else {
            return false;
        };
        let variable = &mut self.variables[at];
        if !variable.read_otherwise(expected) {
            return false;
        }
        insert(&mut self.root, &variable.path, variable.value());
        true
    }

    fn read_file_of(&mut self, at: usize, problems: &mut Problems) -> bool {
        let variable = self.variables.remove(at);
        remove(&mut self.root, &variable.path);
        let key = variable.path.join(".");
        let origin = format!("environment variable {}", variable.name);
        match variable.read_file() {
            Ok(content) => {
                if let Some(other) = self
                    .variables
                    .iter()
                    .find(|other| other.path == content.path)
                {
                    let text = format!("is set twice: keep either this or {}", other.name);
                    problems.add_from(&content.path.join("."), text, origin);
                }
                insert(&mut self.root, &content.path, content.value());
                self.variables.push(content);
            }
            Err(error) => {
                let text = format!("cannot read {}: {error}", variable.raw);
                problems.add_from(&key, text, origin);
            }
        }
        true
    }

    /// Puts the default in place of the bad value, so that extraction can go on.
    fn replace(&mut self, error: &Error) -> bool {
        if matches!(error.kind, Kind::MissingField(_)) {
            return false;
        }
        // Inside a list there is no default for one element: the list as a whole is replaced.
        let mut path = error.path.clone();
        while path
            .last()
            .is_some_and(|part| part.parse::<usize>().is_ok())
        {
            path.pop();
        }
        match find(&self.defaults, &path) {
            Some(default) => insert(&mut self.root, &path, default.clone()),
            None => remove(&mut self.root, &path),
        }
        !path.is_empty()
    }
}

/// The key that an error is about.
fn key_of(error: &Error) -> String {
    let mut path = error.path.clone();
    if let Kind::MissingField(field) = &error.kind {
        path.push(field.to_string());
    }
    path.join(".")
}
