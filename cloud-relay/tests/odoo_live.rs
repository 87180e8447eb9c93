//! The same as the scripted tests, against a real Odoo. Run with the address, database, login and key of a database
//! that may be written to:
//!
//! `TILLWIRE_ODOO_URL=http://127.0.0.1:8069 TILLWIRE_ODOO_DB=test TILLWIRE_ODOO_LOGIN=till TILLWIRE_ODOO_KEY=… \
//!  cargo test -p tillwire-relay --test odoo_live -- --ignored`
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use tillwire_relay::odoo::{Client, Endpoint, ProtocolChoice, Secret, preflight};
use tillwire_relay_core::settings::{StoreDraft, StoreSettings};

fn env(name: &str) -> String {
    std::env::var(format!("TILLWIRE_ODOO_{name}")).unwrap_or_else(|_| panic!("set TILLWIRE_ODOO_{name}"))
}

fn client() -> Client {
    let protocol = match std::env::var("TILLWIRE_ODOO_PROTOCOL").as_deref() {
        Ok("jsonrpc") => ProtocolChoice::JsonRpc,
        Ok("json2") => ProtocolChoice::Json2,
        _ => ProtocolChoice::Auto,
    };
    let endpoint = Endpoint::new(&env("URL"), &env("DB"), &env("LOGIN"), Secret::new(&env("KEY"))).unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new(endpoint.with_protocol(protocol), None).unwrap()
}

fn store() -> StoreSettings {
    let text = format!(
        r#"
        tenant = "acme"
        store = "s01"
        time_zone = "America/Chicago"
        registers = ["till-1"]
        [odoo]
        company = "{}"
        journal = "{}"
        warehouse = "{}"
        [odoo.accounts]
        revenue = "TW4000"
        tender = {{ cash = "TW1010" }}
        "#,
        std::env::var("TILLWIRE_ODOO_COMPANY").unwrap_or_else(|_| "Lab US Inc.".to_owned()),
        std::env::var("TILLWIRE_ODOO_JOURNAL").unwrap_or_else(|_| "TWD".to_owned()),
        std::env::var("TILLWIRE_ODOO_WAREHOUSE").unwrap_or_else(|_| "TWD1".to_owned()),
    );
    toml::from_str::<StoreDraft>(&text).unwrap().check().unwrap()
}

#[tokio::test]
#[ignore = "needs a real Odoo"]
async fn preflight_says_what_it_finds() {
    let client = client();
    let store = store();
    let report = preflight::check(&client, &store.odoo.company, &[&store]).await;
    println!("{}", report.text());
    println!("{:#?}", report.prepared);
    println!("{:?}", client.counters().snapshot());
    assert!(report.prepared.is_some());
}
