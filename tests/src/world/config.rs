//! The configuration files that a person would write for agent and relay.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use super::{AskedBy, Odoo, Setup};
use crate::odoo_company::{WALK_IN, invoice_journal_code, journal_code, warehouse_code};
use crate::reference::Chart;
use crate::shop::{Register, Shop, Store};
use crate::till_sim::station_uuid;

/// Where a store's parts are reached.
pub(super) struct AgentPlaces<'a> {
    pub(super) state_dir: &'a Path,
    pub(super) secret_file: &'a Path,
    pub(super) http: String,
    /// The link towards the relay.
    pub(super) mqtt: String,
    /// Per register.
    pub(super) taps: Vec<Tap>,
    /// Per register, where there are printers: where tills print to, and the printer.
    pub(super) printers: Vec<(SocketAddr, SocketAddr)>,
}

/// What a tap sits between.
pub(super) enum Tap {
    Tcp {
        adapter: &'static str,
        listen: String,
        terminal: String,
    },
    Serial {
        pos: String,
        terminal: String,
    },
}

impl Tap {
    const fn adapter(&self) -> &'static str {
        match self {
            Self::Tcp { adapter, .. } => adapter,
            Self::Serial { .. } => "upa",
        }
    }
}

/// Where the relay listens.
pub(super) struct RelayPlaces<'a> {
    pub(super) state_dir: &'a Path,
    pub(super) key_file: &'a Path,
    pub(super) http: String,
    pub(super) mqtt: String,
    pub(super) enrol: String,
}

/// An agent's configuration.
pub(super) fn agent(
    setup: &Setup,
    store: &Store,
    index: usize,
    places: &AgentPlaces<'_>,
) -> anyhow::Result<String> {
    let registers: Vec<_> = store
        .registers
        .iter()
        .map(|r| json!({ "id": r.id, "station_ids": stations(r) }))
        .collect();
    let tap = |(register, tap): (&crate::shop::Register, &Tap)| {
        let adapter = tap.adapter();
        let mut table = json!({ "lane": format!("{adapter}-{}", register.id), "register": register.id,
            "terminal": format!("term-{}", register.id) });
        match tap {
            Tap::Tcp { listen, terminal, .. } => {
                table["listen"] = json!(listen);
                table["connect"] = json!(terminal);
            }
            Tap::Serial { pos, terminal } => {
                table["serial_pos"] = json!(pos);
                table["serial_terminal"] = json!(terminal);
                table["baud"] = json!(115_200);
            }
        }
        (adapter, table)
    };
    let taps: Vec<_> = store.registers.iter().zip(&places.taps).map(tap).collect();
    let taps = |adapter: &str| -> Vec<_> {
        let spoken = taps.iter().filter(|(spoken, _)| *spoken == adapter);
        spoken.map(|(_, table)| table).collect()
    };
    let printer = |(register, (listen, device)): (&crate::shop::Register, &(SocketAddr, SocketAddr))| {
        json!({ "lane": format!("printer-{}", register.id), "register": register.id,
            "listen": listen.to_string(), "connect": device.to_string() })
    };
    let printers: Vec<_> = store
        .registers
        .iter()
        .zip(&places.printers)
        .map(printer)
        .collect();
    let mut config = json!({
        "agent": { "state_dir": places.state_dir },
        "store": { "tenant": setup.tenant, "store": store.id, "currency": "USD", "time_zone": store.time_zone,
            "day_cutoff": "04:00" },
        "register": registers,
        "http": { "lane": "http", "listen": places.http, "secret_file": places.secret_file },
        "heartland": { "location_ids": [store.location_id.to_string()] },
        "upa": taps("upa"),
        "pax": taps("pax"),
        "hpa": taps("hpa"),
        "printer": printers,
        "relay": { "mqtt": places.mqtt, "backoff_min_ms": 100, "backoff_max_ms": 1500, "useful_ms": 2000,
            "watchdog_ms": 4000, "resend_ms": 2000, "keep_alive_s": 5 },
        "limits": { "reserve_len": 1_048_576 },
    });
    if let Some(cloud) = setup
        .cloud
        .as_ref()
        .filter(|cloud| cloud.asked_by == AskedBy::Store)
    {
        let asked = json!({ "location_ids": [store.location_id.to_string()], "url": cloud.url,
            "token_file": cloud.token_file, "reads": ["tickets", "orders"], "asks_per_s": 50, "every_s": 1 });
        config["heartland"] = asked;
    }
    if setup.folders {
        config["folder"] = json!([{ "lane": "files", "path": places.state_dir.join("files"), "format": "json-lines",
            "ending": ".jsonl", "settle_s": 1 }]);
    }
    if let Some(off) = setup.clocks_off.get(&index) {
        config["agent"]["clock_offset_s"] = json!(off / 1000);
    }
    write(&config)
}

/// The relay's configuration.
pub(super) fn relay(
    setup: &Setup,
    shop: &Shop,
    chart: &Chart,
    odoo: &Odoo,
    company: &str,
    places: &RelayPlaces<'_>,
) -> anyhow::Result<String> {
    let posting = &setup.posting;
    let store = |(index, store): (usize, &Store)| {
        let registers: Vec<_> = store.registers.iter().map(|r| &r.id).collect();
        let mut table = json!({
            "tenant": shop.tenant, "store": store.id, "name": store.name, "time_zone": store.time_zone,
            "registers": registers, "over_short_limit": "5.00",
            "odoo": { "company": company, "journal": journal_code(index), "warehouse": warehouse_code(index),
                "accounts": accounts(chart, store) },
        });
        for (key, value) in posting {
            table["odoo"][key] = value.clone();
        }
        if let Some(trading) = &setup.trading {
            table["trading"] = trading.clone();
        }
        if posting.contains_key("mode") {
            table["odoo"]["invoices"] = json!({ "journal": invoice_journal_code(index),
                "receivable": chart.receivable, "summary_partner": WALK_IN });
        }
        table
    };
    let stores: Vec<_> = shop.stores.iter().enumerate().map(store).collect();
    let mut config = json!({
        "state_dir": places.state_dir,
        "http": { "listen": places.http, "login": setup.login },
        "mqtt": { "listen": places.mqtt, "address": places.mqtt },
        "enrol": { "listen": places.enrol },
        "odoo": { "url": odoo.url, "database": odoo.db, "login": odoo.login, "key_file": places.key_file },
        "stock": { "every_s": 2, "lines": 20 },
        "store": stores,
    });
    if let Some(broker) = &setup.broker {
        config["broker"] = json!({ "address": broker.to_string() });
    }
    if let Some(cloud) = setup
        .cloud
        .as_ref()
        .filter(|cloud| cloud.asked_by == AskedBy::Relay)
    {
        let store = |store: &Store| {
            let registers = store.registers.iter().map(|r| (r.id.clone(), stations(r)));
            let registers: serde_json::Map<_, _> = registers.collect();
            json!({ "store": store.id, "location_ids": [store.location_id.to_string()], "registers": registers })
        };
        let stores: Vec<_> = shop.stores.iter().map(store).collect();
        let hook = cloud.token_file.with_extension("hook");
        config["heartland"] = json!([{ "tenant": shop.tenant, "url": cloud.url, "token_file": cloud.token_file,
            "hook_secret_file": hook, "reads": ["tickets", "orders"], "checks": ["payments", "inventory"],
            "asks_per_s": 50, "every_s": 1, "store": stores }]);
    }
    write(&config)
}

/// A register's stations, in both interfaces of its account.
fn stations(register: &Register) -> Value {
    json!([register.station_id.to_string(), station_uuid(register.station_id)])
}

/// The mapping that says to the relay what the chart says to the reference.
fn accounts(chart: &Chart, store: &Store) -> Value {
    let mut tender = BTreeMap::from([
        ("cash".to_owned(), chart.cash.clone()),
        ("gift-card".to_owned(), chart.gift_card.clone()),
    ]);
    tender.extend(
        chart
            .cards
            .iter()
            .map(|(brand, code)| (format!("card.{}", brand.to_lowercase()), code.clone())),
    );
    let tax: BTreeMap<_, _> = store
        .taxes
        .iter()
        .map(|t| (t.name.clone(), chart.tax(&t.name)))
        .collect();
    json!({
        "tender": tender, "tax": tax, "revenue": chart.revenue, "gift_card": chart.gift_card,
        "discount": chart.discount, "cash_over": chart.cash_over, "cash_short": chart.cash_short,
        "paid_in": chart.reasons, "paid_out": chart.reasons, "safe": chart.safe,
    })
}

fn write(config: &Value) -> anyhow::Result<String> {
    Ok(toml::to_string(config)?)
}
