//! A store that wants an invoice of its day has the same cents on every account as one that does not, owes and is owed
//! nothing by it, and a late sale takes back what stands once and writes it anew once.

use serde_json::json;
use tillwire_e2e::odoo_company::invoice_journal_code;
use tillwire_e2e::odoo_sim::OdooVersion;
use tillwire_e2e::world::{OdooAt, Pace, World, until};

use crate::story::{PATIENCE, a_day, all_is_well, open, ticket};

/// Kind, payment and what it takes back, of every posted invoice and credit note of the first store, in order.
async fn invoices(world: &World) -> Vec<(String, String, bool)> {
    let journals = json!([["journal_id.code", "=", invoice_journal_code(0)]]);
    let fields = ["move_type", "state", "payment_state", "reversed_entry_id"];
    let rows = world
        .odoo
        .api
        .search("account.move", journals, &fields)
        .await
        .unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    rows.iter()
        .filter(|row| row["state"] == "posted")
        .map(|row| {
            (
                text(&row["move_type"]),
                text(&row["payment_state"]),
                row["reversed_entry_id"].is_array(),
            )
        })
        .collect()
}

/// The same, once there are so many and nothing of them is open.
async fn paid(world: &World, count: usize) -> Vec<(String, String, bool)> {
    let what = format!("{count} invoices are paid");
    let all = until(&what, PATIENCE, async || {
        let all = invoices(world).await;
        let open = all
            .iter()
            .any(|(_, payment, _)| payment == "not_paid" || payment == "partial");
        Ok((all.len() == count && !open).then_some(all))
    });
    all.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn invoices_have_the_same_cents() {
    for version in [OdooVersion::V17, OdooVersion::V18, OdooVersion::V19] {
        let world = open(41, 1, |setup| {
            setup.odoo = OdooAt::Sim(version);
            setup.posting.insert("mode".to_owned(), json!("summary-invoice"));
            setup
                .posting
                .insert("corrections".to_owned(), json!("reverse-and-replace"));
        })
        .await;
        let mut events = a_day(&world, 6);
        let late = events
            .iter()
            .rposition(|e| e.register == 0 && ticket(e).is_some())
            .unwrap();
        let late = events.remove(late);
        world.play(world.date, &events, Pace::AtOnce).await.unwrap();
        all_is_well(&world).await;
        let first = paid(&world, 1).await;
        assert_eq!(first[0].0, "out_invoice");

        world.tell(world.date, &late).await.unwrap();
        all_is_well(&world).await;
        // one reversal, one replacement
        let all = paid(&world, 3).await;
        let back: Vec<_> = all.iter().filter(|(_, _, reverses)| *reverses).collect();
        assert_eq!(back.len(), 1, "{all:?}");
        assert_eq!(back[0].0, "out_refund");
    }
}
