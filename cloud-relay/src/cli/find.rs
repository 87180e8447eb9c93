//! `find`: by anything that a person has in hand.

use anyhow::Result;
use serde_json::json;

use super::{Common, open, print_json};
use crate::finding;
use crate::store::effects;

/// Records told at most.
const RECORDS_MAX: usize = 200;

pub(super) async fn act(common: &Common, words: String) -> Result<()> {
    let (_, store, _) = open(common).await?;
    while finding::step(&store).await? > 0 {}
    let (hits, documents) = store
        .read(move |db| {
            Ok((
                finding::find(db, &words, RECORDS_MAX)?,
                effects::called(db, words.trim())?,
            ))
        })
        .await?;
    if common.json {
        return print_json(&json!({
            "records": hits.iter().map(|hit| json!({
                "name": hit.name, "kind": hit.kind, "record": hit.record.to_string(), "tenant": hit.tenant,
                "store": hit.store,
            })).collect::<Vec<_>>(),
            "documents": documents.iter().map(|one| json!({
                "key": one.effect.key.to_string(), "odoo_name": one.odoo_name, "tenant": one.tenant,
                "store": one.store, "day": one.day,
            })).collect::<Vec<_>>(),
        }));
    }
    for one in &documents {
        let name = one.odoo_name.as_deref().unwrap_or("not named yet");
        println!(
            "in Odoo   {name}  {}  {}/{}",
            one.effect.key, one.tenant, one.store
        );
    }
    for hit in &hits {
        println!(
            "{:<20} {}  {}/{}  record {}",
            hit.kind.name(),
            hit.name,
            hit.tenant,
            hit.store,
            hit.record
        );
    }
    if hits.is_empty() && documents.is_empty() {
        println!("nothing goes by that name");
    }
    Ok(())
}
