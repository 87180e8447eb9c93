//! A day's invoice: Odoo computes its tax anew and the POS's cents stand all the same; the day's entry pays it; both are
//! taken back once and written anew once.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tillwire_e2e::odoo_api::exact;
use tillwire_proto::Amount;
use tillwire_relay_core::books::{Document, LedgerLine, LineKey, Partner, Posting, TaxKey};
use tillwire_relay_core::exception::ExceptionKind;
use tillwire_relay_core::odoo::{EffectState, Planned, Planning, Standing, plan};
use tillwire_relay_core::settings::{AccountCode, InvoicesDraft, PostingMode, RowDraft, StoreSettings};

use crate::desk::Desk;
use crate::ground::Ground;

fn settings(ground: &Ground) -> StoreSettings {
    let mut draft = ground.draft();
    let tax = RowDraft {
        odoo_tax: Some(ground.company.tax.to_owned()),
        ..RowDraft::from(ground.company.tax_payable)
    };
    draft.odoo.accounts.tax.insert("State".to_owned(), tax);
    draft.odoo.mode = PostingMode::SummaryInvoice;
    draft.odoo.invoices = Some(InvoicesDraft {
        journal: ground.company.invoices.to_owned(),
        receivable: ground.company.receivable.to_owned(),
        summary_partner: Some(ground.company.walk_in.clone()),
        walk_in: Vec::new(),
        partners: BTreeMap::new(),
    });
    draft.check().unwrap()
}

fn line(document: &Document, account: &str, label: &str) -> LineKey {
    LineKey {
        document: document.clone(),
        account: AccountCode::new(account).unwrap(),
        label: label.to_owned(),
        tax: None,
        taxed_by: Vec::new(),
        settles: None,
        analytic: None,
        currency: None,
    }
}

/// A day's books: goods with two cents more of tax than 8.25 % are, all paid in cash.
struct Day<'a> {
    ground: &'a Ground,
    settings: StoreSettings,
    document: Document,
}

impl<'a> Day<'a> {
    fn of(ground: &'a Ground) -> Self {
        Self {
            ground,
            settings: settings(ground),
            document: Document::Summary(Partner::Contact(ground.company.walk_in.clone())),
        }
    }

    fn postings(&self, goods: i64, tax: i64, revision: u32) -> Vec<Posting> {
        let company = &self.ground.company;
        let name = company.tax.to_owned();
        let receivable = |document: &Document| LineKey {
            settles: Some(self.document.clone()),
            ..line(document, company.receivable, &self.document.label())
        };
        let revenue = LineKey {
            taxed_by: vec![name.clone()],
            ..line(&self.document, company.revenue, "Sales")
        };
        let due = LineKey {
            tax: Some(TaxKey {
                jurisdiction: "State".to_owned(),
                rate_millionths: None,
                odoo_tax: Some(name),
            }),
            ..line(&self.document, company.tax_payable, "State")
        };
        let cash = line(&Document::Entry, company.cash, "Cash");
        let (owed, paid) = (receivable(&self.document), receivable(&Document::Entry));
        vec![
            self.posting(
                revision,
                vec![(owed, goods + tax), (revenue, -goods), (due, -tax)],
            ),
            self.posting(revision, vec![(cash, goods + tax), (paid, -goods - tax)]),
        ]
    }

    fn posting(&self, revision: u32, lines: Vec<(LineKey, i64)>) -> Posting {
        let sum = |minor| LedgerLine {
            amount: Amount::new(minor, self.settings.currency),
            base: None,
            foreign: None,
            records: BTreeSet::new(),
        };
        let lines = lines.into_iter().map(|(key, minor)| (key, sum(minor))).collect();
        let (tenant, store) = (self.settings.tenant.clone(), self.settings.store.clone());
        Posting::new(tenant, store, self.ground.day(), revision, lines).unwrap()
    }

    /// Intends what these postings ask for and has it done.
    async fn make(&self, desk: &Desk, postings: &[Posting]) {
        let planning = Planning {
            customers: &BTreeMap::new(),
            receivable: self
                .settings
                .odoo
                .invoices
                .as_ref()
                .map(|invoices| &invoices.receivable),
            standing: &Standing::default(),
        };
        let planned = plan(postings, planning, Posting::day).unwrap();
        let keys: Vec<_> = planned
            .iter()
            .map(|planned| planned.payload.key().clone())
            .collect();
        for Planned { payload, .. } in planned {
            desk.intend(payload, Some(self.ground.day())).await;
        }
        desk.work().await;
        for key in keys {
            let stored = desk.effect(&key).await;
            let why = (&stored.effect.reason, &stored.effect.differences);
            assert_eq!(stored.effect.state, EffectState::Done, "{key}: {why:?}");
        }
    }

    async fn found(&self, revision: u32) -> Value {
        let reference = self
            .document
            .reference(&self.settings.store, self.ground.day(), revision);
        let fields = ["move_type", "payment_state", "amount_total", "reversed_entry_id"];
        let rows = self
            .ground
            .read("account.move", json!([["ref", "=", reference]]), &fields)
            .await;
        assert_eq!(rows.len(), 1, "{reference}: {rows:?}");
        rows[0].clone()
    }
}

pub(crate) async fn a_days_invoice_is_paid_by_its_entry_and_reversed_and_replaced_once(ground: Ground) {
    let day = Day::of(&ground);
    let desk = Desk::with(ground.client(), day.settings.clone());
    let first = ground.fresh();
    let postings = day.postings(10_000, 827, first);
    day.make(&desk, &postings).await;
    let kinds: Vec<_> = desk
        .exceptions()
        .await
        .iter()
        .map(|open| open.draft.kind)
        .collect();
    assert_eq!(kinds, [ExceptionKind::TaxDiffers], "{:?}", desk.words().await);
    let words = desk.words().await.remove(0);
    assert!(
        words.contains("8.25") && words.contains("8.27"),
        "both figures: {words}"
    );
    let invoice = day.found(first).await;
    assert_eq!(
        exact(&invoice["amount_total"], 2),
        10_827,
        "the POS's cents, not Odoo's"
    );
    assert_eq!(invoice["payment_state"], "paid");

    // the day is corrected
    let mut next: Vec<Posting> = postings
        .iter()
        .map(|posting| posting.reversal(first + 1).unwrap())
        .collect();
    next.extend(day.postings(12_000, 990, first + 2));
    day.make(&desk, &next).await;
    let back = day.found(first + 1).await;
    assert_eq!(back["move_type"], "out_refund");
    assert_eq!(back["reversed_entry_id"][0], invoice["id"]);
    let anew = day.found(first + 2).await;
    assert_eq!(exact(&anew["amount_total"], 2), 12_990);
    assert_eq!(anew["payment_state"], "paid");
    ground.note(&format!(
        "an invoice that was reversed shows as {}",
        day.found(first).await["payment_state"]
    ));
}
