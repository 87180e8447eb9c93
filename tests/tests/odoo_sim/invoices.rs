//! Documents and their taxes, computed as Odoo computes them; currencies, tags and analytic shares on lines.

use serde_json::{Value, json};
use tillwire_e2e::odoo_sim::{OdooSim, OdooVersion};

/// A person's call that must succeed.
fn call(sim: &OdooSim, model: &str, method: &str, args: Value) -> Value {
    sim.hands(|h| h.call(model, method, &args))
        .unwrap_or_else(|e| panic!("{model}.{method} {args}: {e}"))
}

fn create(sim: &OdooSim, model: &str, vals: Value) -> i64 {
    call(sim, model, "create", json!([vals])).as_i64().unwrap()
}

fn read(sim: &OdooSim, model: &str, id: i64, fields: &[&str]) -> Value {
    call(sim, model, "read", json!([[id], fields]))[0].clone()
}

/// A sales tax; `included` says whether prices hold it.
fn tax(sim: &OdooSim, percent: f64, included: bool) -> i64 {
    let mut vals = json!({ "name": format!("{percent} %"), "amount": percent, "type_tax_use": "sale" });
    if sim.version() == OdooVersion::V17 {
        vals["price_include"] = included.into();
    } else if included {
        vals["price_include_override"] = "tax_included".into();
    }
    create(sim, "account.tax", vals)
}

fn invoice(sim: &OdooSim, prices: &[f64], taxes: &[i64]) -> i64 {
    let lines: Vec<Value> = prices
        .iter()
        .map(|p| json!([0, 0, { "name": "x", "quantity": 1, "price_unit": p, "tax_ids": [[6, 0, taxes]] }]))
        .collect();
    let partner = sim.ids().company_partner;
    create(
        sim,
        "account.move",
        json!({ "move_type": "out_invoice", "partner_id": partner, "invoice_line_ids": lines }),
    )
}

fn totals(sim: &OdooSim, id: i64) -> (Value, Value, Value) {
    let row = read(
        sim,
        "account.move",
        id,
        &["amount_untaxed", "amount_tax", "amount_total"],
    );
    (
        row["amount_untaxed"].clone(),
        row["amount_tax"].clone(),
        row["amount_total"].clone(),
    )
}

#[tokio::test]
async fn included_taxes_are_taken_out_of_the_price() {
    for version in OdooVersion::ALL {
        let sim = OdooSim::start(version).await.unwrap();
        let vat = tax(&sim, 19.0, true);
        let id = invoice(&sim, &[9.99, 119.0], &[vat]);
        assert_eq!(
            totals(&sim, id),
            (json!(108.39), json!(20.6), json!(128.99)),
            "{version}"
        );
    }
}

#[tokio::test]
async fn rounding_per_line_and_in_the_end_differ_by_cents() {
    for version in OdooVersion::ALL {
        let sim = OdooSim::start(version).await.unwrap();
        let rate = tax(&sim, 8.25, false);
        let each = [1.03, 1.03, 1.03];
        // 3 times 0.084975, rounded to 0.08 each, or 0.254925 rounded once
        assert_eq!(
            totals(&sim, invoice(&sim, &each, &[rate])).1,
            json!(0.24),
            "{version}"
        );
        let company = sim.ids().company;
        let globally = json!([[company], { "tax_calculation_rounding_method": "round_globally" }]);
        call(&sim, "res.company", "write", globally);
        assert_eq!(
            totals(&sim, invoice(&sim, &each, &[rate])).1,
            json!(0.25),
            "{version}"
        );
    }
}

#[tokio::test]
async fn tax_on_tax_and_split_repartition_add_up() {
    let sim = OdooSim::start(OdooVersion::V18).await.unwrap();
    let account = sim.ids().accounts.tax_payable;
    let halves = json!([
        [0, 0, { "repartition_type": "base" }],
        [0, 0, { "repartition_type": "tax", "factor_percent": 50, "account_id": account }],
        [0, 0, { "repartition_type": "tax", "factor_percent": 50, "account_id": account }]
    ]);
    let state = create(
        &sim,
        "account.tax",
        json!({ "name": "state", "amount": 5.0, "sequence": 1, "include_base_amount": true,
            "invoice_repartition_line_ids": halves }),
    );
    let city = create(
        &sim,
        "account.tax",
        json!({ "name": "city", "amount": 10.0, "sequence": 2 }),
    );
    let id = invoice(&sim, &[10.1], &[city, state]);
    // 5 % of 10.10 is 0.505, rounded to 0.51; its halves are 0.26 each, less the cent too much; 10 % of 10.61 is 1.06
    let domain = json!([[["move_id", "=", id], ["display_type", "=", "tax"]], 0, 0, "id"]);
    let found = call(&sim, "account.move.line", "search", domain);
    let credits: Vec<Value> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|l| read(&sim, "account.move.line", l.as_i64().unwrap(), &["credit"])["credit"].clone())
        .collect();
    assert_eq!(credits, [json!(0.25), json!(0.26), json!(1.06)]);
    assert_eq!(totals(&sim, id).2, json!(11.67));
}

#[tokio::test]
async fn negative_documents_are_not_posted() {
    let sim = OdooSim::start(OdooVersion::V19).await.unwrap();
    let id = invoice(&sim, &[-5.0], &[]);
    let refused = sim.hands(|h| h.call("account.move", "action_post", &json!([[id]])));
    assert!(refused.unwrap_err().contains("negative total"));
}

#[tokio::test]
async fn repartition_tags_reach_base_and_tax_lines() {
    let sim = OdooSim::start(OdooVersion::V18).await.unwrap();
    let tag = |name: &str| {
        create(
            &sim,
            "account.account.tag",
            json!({ "name": name, "applicability": "taxes" }),
        )
    };
    let (base, due) = (tag("+base"), tag("+tax"));
    let rate = create(
        &sim,
        "account.tax",
        json!({ "name": "tagged", "amount": 10.0, "invoice_repartition_line_ids": [
            [0, 0, { "repartition_type": "base", "tag_ids": [[6, 0, [base]]] }],
            [0, 0, { "repartition_type": "tax", "tag_ids": [[6, 0, [due]]] }]
        ] }),
    );
    let id = invoice(&sim, &[10.0], &[rate]);
    for (kind, wanted) in [
        ("product", json!([base])),
        ("tax", json!([due])),
        ("payment_term", json!([])),
    ] {
        let domain = json!([[["move_id", "=", id], ["display_type", "=", kind]]]);
        let line = call(&sim, "account.move.line", "search", domain)[0]
            .as_i64()
            .unwrap();
        assert_eq!(
            read(&sim, "account.move.line", line, &["tax_tag_ids"])["tax_tag_ids"],
            wanted,
            "{kind}"
        );
    }
}

#[tokio::test]
async fn foreign_currency_is_converted_at_the_rate_of_the_day() {
    let sim = OdooSim::start(OdooVersion::V18).await.unwrap();
    let ids = sim.ids().clone();
    let euro = create(
        &sim,
        "res.currency",
        json!({ "name": "EUR", "symbol": "€", "rounding": 0.01 }),
    );
    for (day, rate) in [("2026-11-01", 0.8), ("2026-11-20", 0.5)] {
        create(
            &sim,
            "res.currency.rate",
            json!({ "name": day, "rate": rate, "currency_id": euro, "company_id": ids.company }),
        );
    }
    let entry = |day: &str| {
        create(
            &sim,
            "account.move",
            json!({ "date": day, "journal_id": ids.journal_misc, "line_ids": [
                [0, 0, { "account_id": ids.accounts.cash, "currency_id": euro, "amount_currency": 8.0 }],
                [0, 0, { "account_id": ids.accounts.income, "currency_id": euro, "amount_currency": -8.0 }]
            ] }),
        )
    };
    for (day, worth) in [("2026-11-10", 10.0), ("2026-11-21", 16.0)] {
        let id = entry(day);
        assert_eq!(
            read(&sim, "account.move", id, &["amount_total"])["amount_total"],
            json!(worth)
        );
    }
    // both amounts given are both kept, and may not point in opposite directions
    let given = |foreign: f64| {
        let lines = json!([
            [0, 0, { "account_id": ids.accounts.cash, "currency_id": euro, "amount_currency": foreign, "debit": 9.5 }],
            [0, 0, { "account_id": ids.accounts.income, "credit": 9.5 }]
        ]);
        let vals = json!([{ "journal_id": ids.journal_misc, "line_ids": lines }]);
        sim.hands(|h| h.call("account.move", "create", &vals))
    };
    let id = given(8.0).unwrap().as_i64().unwrap();
    let entry = sim.snapshot().moves.into_iter().find(|m| m.id == id).unwrap();
    assert_eq!((entry.lines[0].debit, entry.lines[0].foreign), (950, 800));
    assert!(
        given(-8.0)
            .unwrap_err()
            .starts_with("odoo.exceptions.ValidationError")
    );
}

#[tokio::test]
async fn analytic_shares_come_back_as_they_were_written() {
    let sim = OdooSim::start(OdooVersion::V19).await.unwrap();
    let plan = create(&sim, "account.analytic.plan", json!({ "name": "Stores" }));
    let store = create(
        &sim,
        "account.analytic.account",
        json!({ "name": "S1", "plan_id": plan }),
    );
    let share = json!({ store.to_string(): 100.0 });
    let ids = sim.ids().clone();
    let id = create(
        &sim,
        "account.move",
        json!({ "journal_id": ids.journal_misc, "line_ids": [
            [0, 0, { "account_id": ids.accounts.cash, "debit": 1 }],
            [0, 0, { "account_id": ids.accounts.income, "credit": 1, "analytic_distribution": share }]
        ] }),
    );
    let domain = json!([[["move_id", "=", id], ["credit", ">", 0]]]);
    let line = call(&sim, "account.move.line", "search", domain)[0]
        .as_i64()
        .unwrap();
    let row = read(&sim, "account.move.line", line, &["analytic_distribution"]);
    assert_eq!(row["analytic_distribution"], share);
}
