//! An entry line by line, and a record's way into entries.

use rusqlite::Connection;
use tillwire_proto::{Amount, TenantId, decode_observation};
use tillwire_relay_core::books::Contribution;
use tillwire_relay_core::facts::{RecordId, home_day};
use tillwire_relay_core::people::Sight;
use tillwire_relay_core::settings::StoreSettings;

use super::detail::{chip_of, link};
use crate::dashboard::view::{EntryLine, EntryView, PartRow, WentRow};
use crate::explain::{ExplainedLine, explain, named, record_went_to};
use crate::store::StoreError;

pub(super) fn entry(
    db: &Connection,
    sight: &Sight,
    key: &str,
    name_of: impl Fn(&TenantId, &tillwire_proto::StoreId) -> String,
) -> Result<Option<EntryView>, StoreError> {
    let Some(effect) = named(db, key)? else {
        return Ok(None);
    };
    let Some(explained) = explain(db, effect)? else {
        return Ok(None);
    };
    let effect = &explained.effect;
    if !sight.sales_of(&effect.tenant, &effect.store) {
        return Ok(None);
    }
    let day = effect.day.map_or_else(String::new, |day| day.to_string());
    Ok(Some(EntryView {
        key: effect.effect.key.to_string(),
        name: effect.odoo_name.clone(),
        state: chip_of(&effect.effect),
        place: format!("{}, {day}", name_of(&effect.tenant, &effect.store)),
        day_path: format!("/days/{}/{}/{day}", effect.tenant, effect.store),
        lines: explained.lines.iter().map(line).collect(),
    }))
}

fn line(line: &ExplainedLine) -> EntryLine {
    EntryLine {
        account: line.key.account.to_string(),
        label: line.key.label.clone(),
        amount: line.amount,
        size: size(line.amount),
        parts: line.parts.iter().map(part).collect(),
        rest: line.rest,
    }
}

fn size(amount: Amount) -> Amount {
    if amount.is_negative() {
        amount.checked_neg().unwrap_or(amount)
    } else {
        amount
    }
}

fn part(part: &Contribution) -> PartRow {
    let key = &part.ticket;
    PartRow {
        ticket: key.ticket.to_string(),
        register: key.register.to_string(),
        kind: key.kind.name().to_owned(),
        amount: part.amount,
        row: part.row.to_string(),
        records: part
            .records
            .iter()
            .map(|record| link(*record, &record.number.to_string(), None))
            .collect(),
    }
}

/// The lines that a record went to.
pub(super) fn went(
    db: &Connection,
    settings: &StoreSettings,
    record: RecordId,
    body: &[u8],
    received_ms: i64,
) -> Result<Vec<WentRow>, StoreError> {
    let Ok(observation) = decode_observation(body) else {
        return Ok(Vec::new());
    };
    let day = home_day(&observation, received_ms, settings);
    let went = record_went_to(db, (&settings.tenant, &settings.store, day), record)?;
    Ok(went
        .into_iter()
        .map(|went| WentRow {
            key: went.effect,
            name: went.odoo_name,
            account: went.part.line.account.to_string(),
            label: went.part.line.label,
            amount: went.part.amount,
        })
        .collect())
}
