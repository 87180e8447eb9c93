//! The form of JSON-2 (`/json/2/<model>/<method>`, Odoo 19 and later): the key is a bearer token, arguments are named.

use tillwire_relay_core::odoo::Call;

use super::endpoint::Endpoint;

/// Path below the endpoint's address.
pub(super) fn path(call: &Call) -> String {
    format!("json/2/{}/{}", call.model, call.method)
}

/// Who asks, and which database where a server holds several.
pub(super) fn headers(endpoint: &Endpoint) -> [(&'static str, String); 2] {
    [
        ("authorization", format!("bearer {}", endpoint.key.reveal())),
        ("x-odoo-database", endpoint.database.clone()),
    ]
}
