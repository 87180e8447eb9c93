//! The form of Odoo's JSON-RPC (`/jsonrpc`, Odoo 17 to 19): database, user and key travel inside the arguments.

use serde_json::{Value, json};
use tillwire_relay_core::odoo::Call;

use super::endpoint::Endpoint;

/// Path below the endpoint's address.
pub(super) const PATH: &str = "jsonrpc";

/// The body that asks which version the server is; needs no login.
pub(super) fn version() -> Value {
    envelope("common", "version", &json!([]))
}

/// The body that turns login and key into a user id. Odoo answers `false` for a wrong pair, with status 200.
pub(super) fn login(endpoint: &Endpoint) -> Value {
    let args = json!([endpoint.database, endpoint.login, endpoint.key.reveal(), {}]);
    envelope("common", "authenticate", &args)
}

/// The body of a call as user `uid`.
pub(super) fn execute(endpoint: &Endpoint, uid: i64, call: &Call) -> Value {
    let (places, named) = call.json_rpc();
    let key = endpoint.key.reveal();
    let args = json!([
        endpoint.database,
        uid,
        key,
        call.model,
        call.method,
        places,
        named
    ]);
    envelope("object", "execute_kw", &args)
}

fn envelope(service: &str, method: &str, args: &Value) -> Value {
    // one call per connection: the id has nobody to be told apart from
    json!({
        "jsonrpc": "2.0", "method": "call", "id": 1,
        "params": { "service": service, "method": method, "args": args },
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::odoo::Secret;

    #[test]
    fn a_call_stands_after_database_user_and_key() {
        let endpoint = Endpoint::new("http://127.0.0.1", "shop", "till", Secret::new("k")).unwrap();
        let call = Call::on("account.move", "read")
            .ids([7])
            .arg("fields", json!(["state"]));
        let body = execute(&endpoint, 2, &call.context(json!({ "lang": "en_US" })));
        assert_eq!(
            body["params"]["args"],
            json!(["shop", 2, "k", "account.move", "read", [[7], ["state"]], { "context": { "lang": "en_US" } }])
        );
    }
}
