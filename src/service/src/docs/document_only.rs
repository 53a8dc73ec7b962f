//! Makes the OpenAPI document of an API from its type alone, without an instance and therefore without a
//! database.

use std::{collections::HashMap, marker::PhantomData};

use poem::{endpoint::BoxEndpoint, http::Method};
use poem_openapi::{
    OpenApi, OpenApiService,
    registry::{MetaApi, Registry},
};

/// An API with the operations of `A` in its document and without endpoints.
struct DocumentOnly<A>(PhantomData<fn() -> A>);

impl<A: OpenApi> OpenApi for DocumentOnly<A> {
    fn meta() -> Vec<MetaApi> {
        A::meta()
    }

    fn register(registry: &mut Registry) {
        A::register(registry);
    }

    fn add_routes(self, _: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}

/// A service that has the document of `A` and serves no operation: use only its `spec()`.
pub fn document_only_service<A: OpenApi>(
    title: &str,
    version: &str,
) -> OpenApiService<impl OpenApi + use<A>, ()> {
    OpenApiService::new(DocumentOnly::<A>(PhantomData), title, version)
}
