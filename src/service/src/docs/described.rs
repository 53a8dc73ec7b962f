//! Defines how a document is made from an API's type alone, without an instance and so without a database.

use std::{collections::HashMap, marker::PhantomData};

use poem::{endpoint::BoxEndpoint, http::Method};
use poem_openapi::{
    OpenApi, OpenApiService,
    registry::{MetaApi, Registry},
};

/// The operations of `A`, without endpoints.
struct Described<A>(PhantomData<fn() -> A>);

impl<A: OpenApi> OpenApi for Described<A> {
    fn meta() -> Vec<MetaApi> {
        A::meta()
    }

    fn register(registry: &mut Registry) {
        A::register(registry);
    }

    fn add_routes(self, _: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}

/// A service that has the document of `A` and answers nothing: for `spec()`.
pub fn described<A: OpenApi>(title: &str, version: &str) -> OpenApiService<impl OpenApi + use<A>, ()> {
    OpenApiService::new(Described::<A>(PhantomData), title, version)
}
