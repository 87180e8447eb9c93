//! A tax is told to Odoo's tax report where that changes no cent.

use serde_json::json;
use tillwire_e2e::odoo_api::exact;
use tillwire_proto::Amount;
use tillwire_relay_core::odoo::Payload;
use tillwire_relay_core::settings::{AccountCode, RowDraft};

use crate::desk::{self, Desk};
use crate::ground::Ground;

pub(crate) async fn a_tax_is_told_to_odoo_and_keeps_its_cents(ground: Ground) {
    let company = &ground.company;
    let mut draft = ground.draft();
    let told = RowDraft {
        odoo_tax: Some(company.tax.to_owned()),
        ..RowDraft::from(company.tax_payable)
    };
    draft.odoo.accounts.tax.insert("State".into(), told);
    let desk = Desk::with(ground.client(), draft.check().unwrap());
    let currency = desk.settings.currency;
    // the till took two cents more than 8.25 % of 100.00
    let mut entry = desk.entry(ground.day(), ground.fresh(), 10_827);
    entry.lines[1].amount = Amount::new(-10_000, currency);
    entry.lines[1].taxed_by = vec![company.tax.to_owned()];
    let account = AccountCode::new(company.tax_payable).unwrap();
    let mut tax = desk::line(&account, "State 8.25%", -827, currency);
    (tax.tax, tax.base) = (Some(company.tax.to_owned()), Some(Amount::new(10_000, currency)));
    entry.lines.push(tax);
    desk.intend(Payload::JournalEntry(entry.clone()), Some(ground.day()))
        .await;
    desk.work().await;
    let id = desk.done(&entry.key).await;
    crate::postings::assert_once(&ground, &entry).await;

    let fields = ["credit", "tax_ids", "tax_line_id", "tax_base_amount"];
    let lines = ground
        .read("account.move.line", json!([["move_id", "=", id]]), &fields)
        .await;
    assert_eq!(lines.len(), 3, "Odoo added no line of its own: {lines:?}");
    let base = lines.iter().find(|line| line["tax_ids"] != json!([])).unwrap();
    assert_eq!(exact(&base["credit"], 2), 10_000);
    let tax = lines
        .iter()
        .find(|line| line["tax_line_id"] != json!(false))
        .unwrap();
    assert_eq!(
        exact(&tax["credit"], 2),
        827,
        "the till's cents, not Odoo's: {tax}"
    );
    assert_eq!(exact(&tax["tax_base_amount"], 2).abs(), 10_000, "{tax}");
}
