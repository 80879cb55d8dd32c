//! The layers of a configuration, merged, with the memory of where each value came from.

use std::path::{Path, PathBuf};

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::environment::{Variable, insert};
use super::problems::{ConfigError, Problems};

/// Defaults, file and environment.
#[derive(Debug)]
pub(crate) struct Layers {
    /// All layers merged.
    pub(super) root: Dict,
    /// The defaults alone, to go on with after a bad value.
    pub(super) defaults: Dict,
    /// What the environment sets, in the order of names.
    pub(super) variables: Vec<Variable>,
    /// Knows which value came from the file.
    figment: Figment,
}

impl Layers {
    /// Reads the layers; what cannot be read is a problem and counts as empty.
    pub(crate) fn read(
        defaults: &[&str],
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
        problems: &mut Problems,
    ) -> Self {
        let mut figment = Figment::new();
        for fragment in defaults {
            figment = figment.merge(Toml::string(fragment));
        }
        let default_values = values(&figment).unwrap_or_else(|error| {
            problems.add("defaults", format!("cannot be read: {error}"));
            Dict::new()
        });

        if let Some(path) = file {
            match FileLayer::read(path) {
                Ok(layer) => figment = figment.merge(layer),
                Err(why) => problems.add("--config", why),
            }
        }

        let mut layers = Self {
            root: values(&figment).unwrap_or_default(),
            defaults: default_values,
            variables: variables
                .into_iter()
                .filter_map(|(name, raw)| Variable::parse(name, raw))
                .collect(),
            figment,
        };
        layers.variables.sort_by(|a, b| a.name.cmp(&b.name));
        for variable in &layers.variables {
            insert(&mut layers.root, &variable.path, variable.value());
        }
        layers
    }

    /// Turns problems into an error, each with where its value came from.
    pub(crate) fn explain(&self, mut problems: Problems) -> ConfigError {
        problems.locate(|key| {
            let path: Vec<_> = key.split('.').map(str::to_owned).collect();
            self.origin(&path)
        });
        problems.into()
    }

    /// Where the value at `path` came from, in an operator's words.
    pub(super) fn origin(&self, path: &[String]) -> Option<String> {
        if let Some(variable) = self.variable(path) {
            return Some(format!("environment variable {}", variable.name));
        }
        let value = find(&self.root, path)?;
        let source = self.figment.get_metadata(value.tag())?.source.as_ref();
        Some(match source.and_then(|source| source.file_path()) {
            Some(path) => format!("file {}", path.display()),
            None => "default".to_owned(),
        })
    }

    /// The variable that sets the value at `path`, or a table or list that holds it.
    pub(super) fn variable(&self, path: &[String]) -> Option<&Variable> {
        self.variables
            .iter()
            .find(|variable| path.starts_with(&variable.path))
    }
}

/// The value at `path`; a part may also be an index into a list.
pub(super) fn find<'a>(root: &'a Dict, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter()
        .try_fold(root.get(first)?, |value, part| match value {
            Value::Dict(_, dict) => dict.get(part),
            Value::Array(_, list) => list.get(part.parse::<usize>().ok()?),
            _ => None,
        })
}

/// The merged values of the layers.
fn values(figment: &Figment) -> Result<Dict, Box<figment::Error>> {
    let mut profiles = figment.data()?;
    Ok(profiles.remove(&Profile::Default).unwrap_or_default())
}

/// The file that an operator wrote, with its path as the source of its values.
struct FileLayer {
    path: PathBuf,
    values: Map<Profile, Dict>,
}

impl FileLayer {
    fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let values = Toml::string(&text)
            .data()
            .map_err(|error| format!("{} is not TOML: {}", path.display(), error.kind))?;
        Ok(Self {
            path: path.to_owned(),
            values,
        })
    }
}

impl Provider for FileLayer {
    fn metadata(&self) -> Metadata {
        Metadata::from("file", self.path.as_path())
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(self.values.clone())
    }
}

/// A table of values, as something to deserialize from.
pub(super) fn table(root: &Dict) -> Value {
    Value::Dict(Tag::Default, root.clone())
}
