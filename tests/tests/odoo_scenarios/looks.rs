//! Preflight sees what is there, and runs when it has to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures_util::FutureExt as _;
use serde_json::json;
use tillwire_proto::Sku;
use tillwire_relay::odoo::preflight::{self, Finding, Known, Report, Severity};
use tillwire_relay_core::settings::{RowDraft, StoreDraft};

use crate::desk::Desk;
use crate::ground::Ground;
use crate::line::{Fate, Line, Passing};
use crate::server::Login;

/// What preflight finds for a store, with what the relay knows besides.
async fn look(ground: &Ground, who: &Login, draft: &StoreDraft, known: &Known) -> Report {
    let settings = draft.check().unwrap();
    let client = ground.client_of(who, &ground.url);
    let report = preflight::check(&client, &ground.company.name, &[&settings], known).await;
    assert!(report.complete, "{}", report.text());
    for finding in &report.findings {
        assert!(!finding.what.is_empty() && !finding.mend.is_empty(), "{finding}");
    }
    report
}

fn with_code<'a>(report: &'a Report, code: &str) -> Vec<&'a Finding> {
    report
        .findings
        .iter()
        .filter(|finding| finding.code == code)
        .collect()
}

fn finding<'a>(report: &'a Report, code: &str) -> &'a Finding {
    let found = with_code(report, code);
    found
        .first()
        .copied()
        .unwrap_or_else(|| panic!("{code} is not in\n{}", report.text()))
}

pub(crate) async fn preflight_has_nothing_to_mend(ground: Ground) {
    let desk = Desk::on(&ground);
    let report = desk.link.preflight().await;
    assert!(report.is_good(), "{}", report.text());
    ground.note(&report.server.unwrap());
    let prepared = report.prepared.unwrap();
    assert_eq!(prepared.company, ground.company.id);
    let major = i64::from(prepared.version.0);
    assert_eq!(major, ground.admin.major);
    assert_eq!((prepared.books.len(), prepared.shelves.len()), (1, 1));
}

/// Companies are read by preflight alone, before anything is posted.
const LOOK: &str = "res.company.search_read";

pub(crate) async fn preflight_runs_before_the_first_post_and_after_an_outage(ground: Ground) {
    let (seen, away) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(false)));
    let (heard, down) = (Arc::clone(&seen), Arc::clone(&away));
    let line = Line::to(&ground.url, move |passing: Passing| {
        let fate = if *down.lock().unwrap() {
            Fate::NeverArrives
        } else {
            heard.lock().unwrap().push(passing.method);
            Fate::Carried
        };
        async move { fate }.boxed()
    })
    .await;
    let methods = || std::mem::take(&mut *seen.lock().unwrap());
    let position = |all: &[String], name: &str| all.iter().position(|method| method == name);
    let desk = Desk::with(ground.client_of(&ground.poster, &line.url), ground.settings());
    let number = ground.fresh();

    desk.intend_entry(ground.day(), number, 1_001).await;
    desk.work().await;
    let first = methods();
    assert!(position(&first, LOOK).unwrap() < position(&first, "account.move.load").unwrap());

    desk.intend_entry(ground.day(), number + 1, 1_002).await;
    desk.work().await;
    assert_eq!(
        position(&methods(), LOOK),
        None,
        "what was found is believed for a while"
    );

    *away.lock().unwrap() = true;
    let entry = desk.intend_entry(ground.day(), number + 2, 1_003).await;
    desk.work_at_most(12).await;
    *away.lock().unwrap() = false;
    desk.work().await;
    let back = methods();
    assert!(position(&back, LOOK).unwrap() < position(&back, "account.move.load").unwrap());
    desk.done(&entry.key).await;
}

pub(crate) async fn preflight_names_what_the_mapping_names_and_odoo_lacks(ground: Ground) {
    let mut draft = ground.draft();
    draft.odoo.journal = "NOJ".to_owned();
    draft.odoo.warehouse = "NOW".to_owned();
    let accounts = &mut draft.odoo.accounts;
    accounts.revenue = Some(RowDraft::from("TWR9999"));
    let tax = |name: &str| RowDraft {
        odoo_tax: Some(name.to_owned()),
        ..RowDraft::from(ground.company.cash)
    };
    accounts.tax.insert("Nowhere".to_owned(), tax("No such tax"));
    accounts.tax.insert("State".to_owned(), tax(ground.company.tax));
    let report = look(&ground, &ground.poster, &draft, &Known::default()).await;
    assert!(!report.is_good());
    for (code, severity, names) in [
        ("journal-missing", Severity::Stop, "NOJ"),
        ("warehouse-missing", Severity::Stop, "NOW"),
        ("account-missing", Severity::Stop, "TWR9999"),
        ("tax-missing", Severity::Warn, "No such tax"),
        // its amount goes to another account than the mapping's
        ("tax-account", Severity::Warn, ground.company.tax_payable),
    ] {
        let found = finding(&report, code);
        assert_eq!(found.severity, severity, "{found}");
        assert!(found.what.contains(names), "{found}");
    }
    let prepared = report.prepared.as_ref().unwrap();
    assert_eq!((prepared.books.len(), prepared.shelves.len()), (0, 0));
    // what a script reads says the same
    let json = serde_json::to_value(&report).unwrap();
    let codes = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["code"]);
    assert!(codes.into_iter().any(|code| code == "journal-missing"), "{json}");
}

/// Makes a product for each kind of trouble, once.
async fn troubled_goods(ground: &Ground) {
    let storable = if ground.admin.major <= 17 {
        json!({ "detailed_type": "product" })
    } else {
        json!({ "is_storable": true })
    };
    let active_or_not = json!({ "context": { "active_test": false } });
    for (code, count, more) in [
        ("TWR-OLD", 1, json!({ "active": false })),
        ("TWR-TWICE", 2, json!({})),
        (
            "TWR-SERVICE",
            1,
            json!({ "type": "service", "detailed_type": "service", "is_storable": false }),
        ),
    ] {
        let args = json!([[["default_code", "=", code]]]);
        let there = ground
            .admin
            .call("product.product", "search_count", args, active_or_not.clone())
            .await
            .unwrap();
        for _ in there.as_u64().unwrap()..count {
            let mut vals = json!({ "name": code, "default_code": code });
            let (from, own) = (storable.as_object().unwrap(), more.as_object().unwrap());
            for (field, value) in from.iter().chain(own) {
                // each version has one of the two fields for it
                let known = match field.as_str() {
                    "detailed_type" => ground.admin.major <= 17,
                    "type" | "is_storable" => ground.admin.major >= 18,
                    _ => true,
                };
                if known {
                    vals[field] = value.clone();
                }
            }
            ground
                .admin
                .call("product.product", "create", json!([vals]), json!({}))
                .await
                .unwrap();
        }
    }
}

pub(crate) async fn preflight_names_goods_sold_lately_that_cannot_move(ground: Ground) {
    troubled_goods(&ground).await;
    let [good, _] = ground.company.goods;
    let sold = [
        good,
        ground.company.tracked,
        "TWR-OLD",
        "TWR-TWICE",
        "TWR-SERVICE",
        "TWR-NONE",
    ];
    let known = Known {
        sold: sold.iter().map(|code| Sku::new(code).unwrap()).collect(),
        ..Known::default()
    };
    let report = look(&ground, &ground.poster, &ground.draft(), &known).await;
    for (code, sku) in [
        ("product-missing", "TWR-NONE"),
        ("product-twice", "TWR-TWICE"),
        ("product-archived", "TWR-OLD"),
        ("product-not-storable", "TWR-SERVICE"),
        ("product-tracked", ground.company.tracked),
    ] {
        assert!(finding(&report, code).what.contains(sku), "{}", report.text());
    }
    assert!(!report.text().contains(good), "{}", report.text());
    assert!(report.is_good(), "an item holds no store up: {}", report.text());
}

pub(crate) async fn preflight_tells_a_lock_with_what_it_means(ground: Ground) {
    let draft = ground.draft();
    let (store, day) = (draft.store.clone(), "2026-03-10".parse().unwrap());
    let known = Known {
        today: "2026-11-20".parse().unwrap(),
        unposted: BTreeMap::from([(store.clone(), BTreeSet::from([day]))]),
        ..Known::default()
    };
    let lock = async |field: &str, until: serde_json::Value| {
        let vals = json!({ field: until });
        let args = json!([[ground.company.id], vals]);
        ground.person("res.company", "write", args).await.unwrap();
    };
    lock("fiscalyear_lock_date", json!("2026-03-31")).await;
    lock("tax_lock_date", json!("2026-02-28")).await;
    let report = look(&ground, &ground.poster, &draft, &known).await;
    lock("fiscalyear_lock_date", json!(false)).await;
    lock("tax_lock_date", json!(false)).await;
    let all = finding(&report, "locked-all");
    assert_eq!(all.severity, Severity::Note);
    assert!(all.what.contains("2026-03-31"), "{all}");
    assert!(finding(&report, "locked-tax").what.contains("2026-02-28"));
    let late = finding(&report, "locked-late");
    assert_eq!(
        (late.severity, late.store.as_ref()),
        (Severity::Warn, Some(&store))
    );
    assert!(late.what.contains("2026-03-10"), "{late}");
    assert!(report.is_good(), "a lock stops nothing: {}", report.text());
}

pub(crate) async fn preflight_names_rights_that_are_missing_and_rights_too_many(ground: Ground) {
    let draft = ground.draft();
    let known = Known::default();
    let reader = look(&ground, &ground.reader, &draft, &known).await;
    let missing = with_code(&reader, "right-missing");
    assert!(missing.iter().all(|finding| finding.severity == Severity::Stop));
    let words = missing.iter().map(ToString::to_string).collect::<String>();
    assert!(
        words.contains("create account.move") && words.contains("create stock.picking"),
        "{words}"
    );
    assert!(
        words.contains("Invoicing: Billing") && words.contains("Inventory: User"),
        "{words}"
    );

    let admin = look(&ground, &ground.administrator, &draft, &known).await;
    let excess = with_code(&admin, "right-excess");
    let words: Vec<String> = excess.iter().map(ToString::to_string).collect();
    for right in [
        "Administration",
        "Invoicing: Administrator",
        "Inventory: Administrator",
    ] {
        assert!(
            words.iter().any(|word| word.contains(right)),
            "{right}: {words:#?}"
        );
    }
    assert!(excess.iter().all(|finding| finding.severity == Severity::Warn));

    let poster = look(&ground, &ground.poster, &draft, &known).await;
    assert!(!poster.text().contains("right-"), "{}", poster.text());
}
