//! Routes that remember their paths: what is served can be told, and a test compares it with what it has tried.

use axum::Router;
use axum::routing::MethodRouter;

use crate::app::App;
use crate::openapi::described::Described;

/// A router under construction, and the paths that it has.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    /// What serves them.
    pub(crate) router: Router<App>,
    /// Each path once, with its parameters in braces.
    pub(crate) paths: Vec<String>,
}

impl Routes {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Those of the API, which carry their descriptions.
    pub(crate) fn described(mut described: Described) -> Self {
        Self {
            paths: described.paths(),
            router: described.into_router(),
        }
    }

    /// As [`Router::route`].
    pub(crate) fn route(mut self, path: &str, methods: MethodRouter<App>) -> Self {
        self.router = self.router.route(path, methods);
        self.paths.push(path.to_owned());
        self
    }

    /// As [`Router::nest`].
    pub(crate) fn nest(mut self, prefix: &str, inner: Self) -> Self {
        self.router = self.router.nest(prefix, inner.router);
        let paths = inner.paths.iter();
        let nested = paths.map(|path| format!("{prefix}{}", path.trim_end_matches('/')));
        self.paths.extend(nested);
        self
    }

    /// As [`Router::merge`].
    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.paths.extend(other.paths);
        self
    }

    /// What surrounds them: layers and fallbacks.
    pub(crate) fn within(mut self, wrap: impl FnOnce(Router<App>) -> Router<App>) -> Self {
        self.router = wrap(self.router);
        self
    }
}
