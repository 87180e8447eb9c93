//! What goes by a name: records and documents in Odoo.

use rusqlite::Connection;
use tillwire_proto::{StoreId, TenantId};
use tillwire_relay_core::finding::NAME_LEN_MAX;
use tillwire_relay_core::people::{Scope, Sight};

use super::detail::{effect, link};
use crate::dashboard::view::{DocumentHit, FindView, RecordHit};
use crate::finding;
use crate::store::{StoreError, effects};

/// Records on the page.
const RECORDS_SHOWN: usize = 100;

/// Records of that name that are looked through for those of somebody who does not see all stores.
const LOOKED_THROUGH: usize = 5000;

pub(super) fn find(
    db: &Connection,
    sight: &Sight,
    words: &str,
    name: impl Fn(&TenantId, &StoreId) -> String,
) -> Result<FindView, StoreError> {
    let words: String = words.trim().chars().take(NAME_LEN_MAX).collect();
    let looked_through = if sight.scope == Scope::Everything {
        RECORDS_SHOWN + 1
    } else {
        LOOKED_THROUGH
    };
    let mut hits = finding::find(db, &words, looked_through)?;
    let not_all_looked_at = hits.len() >= looked_through;
    hits.retain(|hit| sight.sales_of(&hit.tenant, &hit.store));
    let more = hits.len() > RECORDS_SHOWN || not_all_looked_at;
    hits.truncate(RECORDS_SHOWN);
    let records = hits
        .into_iter()
        .map(|hit| RecordHit {
            record: link(hit.record, &format!("record {}", hit.record.number.0), None),
            kind: hit.kind.name(),
            place: name(&hit.tenant, &hit.store),
            name: hit.name,
        })
        .collect();
    let documents = effects::called(db, &words)?
        .iter()
        .filter(|stored| sight.sales_of(&stored.tenant, &stored.store))
        .map(|stored| {
            let row = effect(stored);
            let day = stored.day.map_or_else(String::new, |day| format!(", {day}"));
            DocumentHit {
                key: row.key,
                name: row.name,
                has_page: row.has_page,
                kind: row.kind,
                state: row.state,
                place: format!("{}{day}", name(&stored.tenant, &stored.store)),
            }
        })
        .collect();
    Ok(FindView {
        words,
        documents,
        records,
        more,
    })
}
