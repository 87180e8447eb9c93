//! Bad input: it becomes an exception with a name, nothing of it is half in Odoo, the other stores go on, and once it is
//! mended the day goes on too.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tillwire_e2e::odoo_sim::Role;
use tillwire_proto::{Amount, Sku};
use tillwire_relay::odoo::preflight::{self, Known};
use tillwire_relay_core::exception::{Action, ExceptionKind, OwnerRole};
use tillwire_relay_core::odoo::{Direction, EffectKey, EffectState, JournalEntry, Payload};
use tillwire_relay_core::settings::RowDraft;

use crate::desk::Desk;
use crate::ground::Ground;
use crate::postings::assert_once;
use crate::records::{self, Company};
use crate::server::Login;

/// As often as a poster looks in many minutes.
const SOME_TURNS: usize = 8;

/// A relay with the store in trouble, a second store of its company, and one of another company where there is one.
struct Retailer {
    troubled: Desk,
    /// Each with the ground of its company.
    others: Vec<(Desk, Ground)>,
}

impl Retailer {
    fn new(ground: &Ground, troubled: Desk) -> Self {
        let mut others = Vec::new();
        if troubled.link.company.stores.len() > 1 {
            others.push((troubled.at(1), ground.clone()));
        }
        if let Some(company) = &ground.neighbour {
            let settings = Ground::draft_in(company, "n").check().unwrap();
            others.push((
                troubled.beside(ground.client(), settings),
                ground.in_company(company),
            ));
        }
        Self { troubled, others }
    }

    /// The other stores have a day to post too.
    async fn others_trade(&self, number: u32) -> Vec<JournalEntry> {
        let mut entries = Vec::new();
        for (desk, ground) in &self.others {
            entries.push(desk.intend_entry(ground.day(), number, 6_020).await);
        }
        entries
    }

    async fn work(&self) {
        self.troubled.work_at_most(SOME_TURNS).await;
        for (desk, _) in &self.others {
            desk.work_at_most(SOME_TURNS).await;
        }
    }

    async fn assert_others_went_on(&self, entries: &[JournalEntry]) {
        for ((desk, ground), entry) in self.others.iter().zip(entries) {
            let stored = desk.effect(&entry.key).await;
            assert_eq!(
                stored.effect.state,
                EffectState::Done,
                "{:?}",
                stored.effect.reason
            );
            assert_once(ground, entry).await;
        }
    }
}

fn two_stores(ground: &Ground) -> Desk {
    let stores = ["a", "b"].map(|store| Ground::draft_in(&ground.company, store).check().unwrap());
    Desk::of(ground.client(), &stores)
}

async fn assert_nothing_there(ground: &Ground, entry: &JournalEntry) {
    let found = ground
        .read("account.move", json!([["ref", "=", entry.reference]]), &["state"])
        .await;
    assert_eq!(found.len(), 0, "{found:?}");
}

/// One refused effect is one exception, with its owner, what may be done, and these words.
async fn assert_refused(desk: &Desk, key: &EffectKey, words: &[&str]) {
    assert_eq!(desk.effect(key).await.effect.state, EffectState::Rejected);
    let told = desk.exceptions().await;
    let of_effect: Vec<_> = told
        .iter()
        .filter(|one| one.draft.cause.as_str().contains(key.as_str()))
        .collect();
    assert_eq!(of_effect.len(), 1, "{:?}", desk.words().await);
    let draft = &of_effect[0].draft;
    assert_eq!(draft.kind, ExceptionKind::OdooRejected);
    assert_eq!(draft.kind.owner(), OwnerRole::Finance);
    assert!(draft.kind.actions().contains(&Action::Retry));
    for word in words {
        assert!(draft.detail.contains(word), "{word}: {}", draft.detail);
    }
}

pub(crate) async fn an_unbalanced_day_never_leaves_and_other_stores_go_on(ground: Ground) {
    let retailer = Retailer::new(&ground, two_stores(&ground));
    let desk = &retailer.troubled;
    let number = ground.fresh();
    // as a damaged database might hold it; Odoo would balance the one that names a tax by itself
    let mut entries = Vec::new();
    for (offset, taxed) in [(0, false), (1, true)] {
        let mut entry = desk.entry(ground.day(), number + offset, 5_000);
        entry.lines[1].amount = Amount::new(-4_999, desk.settings.currency);
        if taxed {
            entry.lines[1].taxed_by = vec![ground.company.tax.to_owned()];
        }
        desk.intend(Payload::JournalEntry(entry.clone()), Some(ground.day()))
            .await;
        entries.push(entry);
    }
    let others = retailer.others_trade(number + 2).await;
    retailer.work().await;
    for entry in &entries {
        assert_refused(desk, &entry.key, &["0.01", "sum to nothing"]).await;
        assert_nothing_there(&ground, entry).await;
    }
    retailer.assert_others_went_on(&others).await;
}

pub(crate) async fn an_unknown_account_is_named_and_posted_to_once_it_is_there(ground: Ground) {
    let number = ground.fresh();
    let code = format!("TWRX{number}");
    let mut draft = ground.draft();
    draft.odoo.accounts.revenue = Some(RowDraft::from(code.as_str()));
    let stores = [draft, Ground::draft_in(&ground.company, "b")].map(|draft| draft.check().unwrap());
    let retailer = Retailer::new(&ground, Desk::of(ground.client(), &stores));
    let desk = &retailer.troubled;
    let entry = desk.intend_entry(ground.day(), number, 5_100).await;
    let others = retailer.others_trade(number + 1).await;
    retailer.work().await;
    assert_refused(desk, &entry.key, &[&code, "create it"]).await;
    assert_nothing_there(&ground, &entry).await;
    retailer.assert_others_went_on(&others).await;

    let account = json!({ "code": code, "name": "Tillwire scenarios: late", "account_type": "income" });
    ground
        .person("account.account", "create", json!([account]))
        .await
        .unwrap();
    desk.retry(&entry.key).await;
    // preflight looks anew as after an hour, and takes back what it had told
    desk.link.forget().await;
    desk.work().await;
    desk.done(&entry.key).await;
    assert_once(&ground, &entry).await;
}

pub(crate) async fn an_archived_product_is_named_and_what_left_the_shelf_still_leaves(ground: Ground) {
    let code = format!("TWR-X{}", ground.fresh());
    let mut vals = json!({ "name": code, "default_code": code });
    if ground.admin.major <= 17 {
        vals["detailed_type"] = json!("product");
    } else {
        vals["is_storable"] = json!(true);
    }
    let id = ground
        .person("product.product", "create", json!([vals]))
        .await
        .unwrap();
    let id = id.as_i64().or_else(|| id[0].as_i64()).unwrap();
    ground
        .person("product.product", "write", json!([[id], { "active": false }]))
        .await
        .unwrap();
    let retailer = Retailer::new(&ground, two_stores(&ground));
    let desk = &retailer.troubled;
    let number = ground.fresh();
    let others = retailer.others_trade(number).await;
    let picking = desk.intend_picking(number, Direction::Out, &[(&code, "2")]).await;
    retailer.work().await;
    let state = desk.effect(&picking.key).await.effect.state;
    let found = ground
        .read("stock.picking", json!([["name", "=", picking.name]]), &["state"])
        .await;
    let known = Known {
        sold: [Sku::new(&code).unwrap()].into(),
        ..Known::default()
    };
    let client = ground.client();
    let report = preflight::check(&client, &ground.company.name, &[&desk.settings], &known).await;
    let report = report.text();
    assert!(
        report.contains("product-archived") && report.contains(&code),
        "{report}"
    );
    assert_eq!(state, EffectState::Done, "{:?}", desk.words().await);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["state"], "done");
    retailer.assert_others_went_on(&others).await;
}

/// A company that was never given a chart of accounts.
async fn bare_company(ground: &Ground) -> Option<Company> {
    let fields = ["name", "currency_id", "chart_template"];
    let rows = ground
        .admin
        .search("res.company", json!([]), &fields)
        .await
        .unwrap();
    let bare = rows.iter().find(|row| row["chart_template"] == json!(false));
    let row = match (bare, &ground.sim) {
        (Some(row), _) => row.clone(),
        // a real one may load a chart by itself when a company is made
        (None, None) => return None,
        (None, Some(sim)) => {
            let id = sim.add_company("Bare Company", false).company;
            let made = ground
                .admin
                .search("res.company", json!([["id", "=", id]]), &fields)
                .await;
            made.unwrap()[0].clone()
        }
    };
    Some(Company::of(&row))
}

pub(crate) async fn a_company_without_a_chart_of_accounts_waits_for_one(ground: Ground) {
    let Some(bare) = bare_company(&ground).await else {
        return ground.note("every company has a chart of accounts here");
    };
    let bare = ground.in_company(&Arc::new(bare));
    let there = bare
        .read(
            "account.account",
            json!([["code", "=", bare.company.cash]]),
            &["code"],
        )
        .await;
    if !there.is_empty() {
        return ground.note("an earlier run gave the bare company its accounts");
    }
    let settings = Ground::draft_in(&bare.company, "a").check().unwrap();
    let retailer = Retailer::new(&ground, Desk::with(ground.client(), settings));
    let desk = &retailer.troubled;
    let number = ground.fresh();
    let entry = desk.intend_entry(ground.day(), number, 5_200).await;
    let others = retailer.others_trade(number + 1).await;
    retailer.work().await;
    assert_nothing_there(&bare, &entry).await;
    let told = desk.words().await;
    assert!(
        told.iter()
            .any(|words| words.contains("has no chart of accounts")),
        "{told:?}"
    );
    assert!(
        !told.iter().any(|words| words.contains("accounts with code")),
        "one cause is told once: {told:?}"
    );
    retailer.assert_others_went_on(&others).await;

    // its accounts and journal are made: the day goes on by itself
    records::make_untaxed(&ground.admin, &bare.company).await;
    desk.work().await;
    desk.done(&entry.key).await;
    assert_once(&bare, &entry).await;
}

pub(crate) async fn a_user_who_is_not_in_one_company_posts_in_the_other(ground: Ground) {
    let Some(neighbour) = ground.neighbour.clone() else {
        return ground.note("there is one company only");
    };
    let login = json!([["login", "=", ground.poster.login]]);
    let users = ground
        .admin
        .search("res.users", login, &["company_ids"])
        .await
        .unwrap();
    let (user, all) = (&users[0]["id"], &users[0]["company_ids"]);
    let companies = async |ids: serde_json::Value| {
        let vals = json!({ "company_id": neighbour.id, "company_ids": [[6, 0, ids]] });
        ground
            .admin
            .call("res.users", "write", json!([[user], vals]), json!({}))
            .await
            .unwrap();
    };
    companies(json!([neighbour.id])).await;
    let retailer = Retailer::new(&ground, Desk::on(&ground));
    let desk = &retailer.troubled;
    let number = ground.fresh();
    let entry = desk.intend_entry(ground.day(), number, 5_300).await;
    let others = retailer.others_trade(number + 1).await;
    retailer.work().await;
    assert_nothing_there(&ground, &entry).await;
    let told = desk.words().await.join("\n");
    assert!(
        told.contains(&ground.company.name) && told.contains("Allowed Companies")
            || told.contains("allow the company"),
        "{told}"
    );
    retailer.assert_others_went_on(&others).await;

    companies(all.clone()).await;
    desk.work().await;
    desk.done(&entry.key).await;
    assert_once(&ground, &entry).await;
}

pub(crate) async fn an_expired_key_is_named_and_a_new_one_goes_on(ground: Ground) {
    let Some(sim) = &ground.sim else {
        return ground.note("needs a server whose clock can be moved");
    };
    let key = sim.expiring_key(Role::Poster, Duration::from_secs(3_600));
    let who = Login {
        login: ground.poster.login.clone(),
        key,
    };
    let desk = Desk::with(ground.client_of(&who, &ground.url), ground.settings());
    let number = ground.fresh();
    let first = desk.intend_entry(ground.day(), number, 5_400).await;
    desk.work().await;
    desk.done(&first.key).await;

    sim.skip_time(Duration::from_secs(7_200));
    let second = desk.intend_entry(ground.day(), number + 1, 5_401).await;
    desk.work_at_most(SOME_TURNS).await;
    assert_nothing_there(&ground, &second).await;
    let told = desk.words().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("API key"), "{told:?}");

    let desk = desk.restarted_with(ground.client());
    desk.work().await;
    for entry in [&first, &second] {
        desk.done(&entry.key).await;
        assert_once(&ground, entry).await;
    }
}
