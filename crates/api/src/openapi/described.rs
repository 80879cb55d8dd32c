//! The router of what is described: a handler comes with its description or not at all.

use axum::Router;
use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::Route;
use tower::{Layer, Service};
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::{ObjectBuilder, OpenApi, RefOr, Required, Type};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::{empty, tags};
use crate::app::App;

/// The part of a path that names an instance, and its parameter.
const INSTANCE: &str = "/{id}";
const ID: &str = "id";

/// How the ids of operations end that are about the instance of the Element token.
pub(super) const OF_TOKEN: &str = "OfToken";

/// Handlers with their addresses and descriptions.
pub(crate) type Handlers = UtoipaMethodRouter<App>;

/// Routes, each with its description.
pub(crate) struct Described(OpenApiRouter<App>);

impl Described {
    /// No routes.
    pub(crate) fn new() -> Self {
        Self(OpenApiRouter::with_openapi(empty()))
    }

    /// With these handlers.
    pub(crate) fn with(self, handlers: Handlers) -> Self {
        Self(self.0.routes(handlers))
    }

    /// With these handlers of `/instances/{id}…`, and without `{id}` for the instance of the Element token.
    pub(crate) fn of_instance(self, handlers: Handlers) -> Self {
        let of_token = readdressed(
            handlers.clone(),
            |path| path.replacen(INSTANCE, "", 1),
            |operation| {
                renamed(operation, OF_TOKEN);
                let summary = operation.summary.take().unwrap_or_default();
                operation.summary =
                    Some(format!("{summary} For the instance of the Element token."));
                let parameters = operation.parameters.iter_mut();
                parameters.for_each(|list| list.retain(|parameter| !names(parameter, ID)));
                operation.parameters = operation.parameters.take().filter(|list| !list.is_empty());
            },
        );
        Self(self.0.routes(of_token).routes(handlers))
    }

    /// With these handlers at another address as well.
    pub(crate) fn at(self, path: &str, suffix: &str, handlers: Handlers) -> Self {
        let there = readdressed(
            handlers,
            |_| path.to_owned(),
            |operation| renamed(operation, suffix),
        );
        Self(self.0.routes(there))
    }

    /// With another's routes.
    pub(crate) fn merge(self, other: Self) -> Self {
        Self(self.0.merge(other.0))
    }

    /// With another's routes below this address.
    pub(crate) fn nest(self, path: &str, other: Self) -> Self {
        Self(self.0.nest(path, other.0))
    }

    /// As synonyms below an address with the parameter `element`.
    pub(crate) fn into_synonyms(mut self) -> Self {
        let paths = &mut self.0.get_openapi_mut().paths.paths;
        for operation in paths.values_mut().flat_map(operations) {
            renamed(operation, "OfElement");
            operation.tags = Some(vec![tags::SYNONYMS.to_owned()]);
            let parameters = operation.parameters.get_or_insert_default();
            parameters.insert(0, RefOr::T(element()));
        }
        self
    }

    /// With something around every route so far.
    pub(crate) fn layer<L>(self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service:
            Service<Request, Error = std::convert::Infallible> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        Self(self.0.layer(layer))
    }

    /// Every address once, with its parameters in braces.
    pub(crate) fn paths(&mut self) -> Vec<String> {
        let document = self.0.get_openapi_mut();
        document.paths.paths.keys().cloned().collect()
    }

    /// The routes without their descriptions, which the document has.
    pub(crate) fn into_router(self) -> Router<App> {
        self.0.into()
    }

    /// The descriptions.
    pub(crate) fn into_document(self) -> OpenApi {
        self.0.into_openapi()
    }
}

/// Every operation of a path.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ]
    .into_iter()
    .flatten()
}

fn readdressed(
    (schemas, mut paths, router): Handlers,
    address: impl Fn(&str) -> String,
    change: impl Fn(&mut Operation),
) -> Handlers {
    let moved = std::mem::take(&mut paths.paths)
        .into_iter()
        .map(|(path, mut item)| {
            operations(&mut item).for_each(&change);
            (address(&path), item)
        });
    paths.paths = moved.collect();
    (schemas, paths, router)
}

fn renamed(operation: &mut Operation, suffix: &str) {
    if let Some(id) = &mut operation.operation_id {
        id.push_str(suffix);
    }
}

fn names(parameter: &RefOr<Parameter>, name: &str) -> bool {
    matches!(parameter, RefOr::T(own) if own.name == name && own.parameter_in == ParameterIn::Path)
}

fn element() -> Parameter {
    ParameterBuilder::new()
        .name("element")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("The connector's key or id: `insightly` or `1`."))
        .schema(Some(
            ObjectBuilder::new()
                .schema_type(Type::String)
                .enum_values(Some(["insightly", "1"])),
        ))
        .build()
}
