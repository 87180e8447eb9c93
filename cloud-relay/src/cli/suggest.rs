//! What a missing row might point at: gathers what the core ranks.

use anyhow::{Context, Result};
use serde_json::json;
use tillwire_relay_core::exception::ExceptionDraft;
use tillwire_relay_core::settings::{Elsewhere, InOdoo, RelaySettings, StoreSettings, Suggestion, suggest};

use crate::config::Config;
use crate::mapping::InForce;
use crate::odoo::preflight::in_words;
use crate::run::Links;
use crate::store::Store;

/// Ranked suggestions for an exception's missing row; none for other exceptions.
pub(super) fn of(draft: &ExceptionDraft, stores: &RelaySettings, odoo: &[InOdoo]) -> Vec<Suggestion> {
    let own = stores.store(&draft.tenant, &draft.store);
    let (Some(key), Some(own)) = (draft.missing_row(), own) else {
        return Vec::new();
    };
    let mapping = |store: &StoreSettings| match draft.day {
        Some(day) => store.mapping_on(day).clone(),
        None => store.odoo.mappings.newest().mapping.clone(),
    };
    let others: Vec<_> = stores
        .iter()
        .filter(|store| store.tenant == own.tenant && store.store != own.store)
        .map(|store| (store, mapping(store)))
        .collect();
    let elsewhere: Vec<Elsewhere<'_>> = others
        .iter()
        .map(|(store, mapping)| Elsewhere {
            store: store.store.as_str(),
            same_company: store.odoo.company == own.odoo.company,
            mapping,
        })
        .collect();
    suggest(&key, &mapping(own), &elsewhere, odoo)
}

/// What Odoo has of the kind that the row would point at.
pub(super) async fn in_odoo(
    config: &Config,
    store: &Store,
    in_force: &InForce,
    draft: &ExceptionDraft,
) -> Result<Vec<InOdoo>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let key = draft.missing_row().unwrap_or_default();
    let settings = config.stores.store(&draft.tenant, &draft.store);
    let company = settings
        .context("the exception's store is not configured")?
        .odoo
        .company
        .clone();
    let links = Links::of(config, store, in_force)?;
    let mut all = links.iter();
    let link = all.find(|link| link.company.tenant == draft.tenant && link.company.name == company);
    let link = link.context("no [odoo] is configured")?;
    let prepared = link
        .prepared()
        .await
        .map_err(|_| anyhow::anyhow!("Odoo cannot be asked now; see `tillwire-relay doctor`"))?;
    let questions: &[(&str, &str, &str)] = match key.split_once('.') {
        Some(("product", _)) => &[("product", "product.product", "default_code")],
        Some(("tax", _)) => &[
            ("account", "account.account", "code"),
            ("tax", "account.tax", "name"),
        ],
        _ => &[("account", "account.account", "code")],
    };
    let mut found = Vec::new();
    for (what, model, field) in questions {
        let rows = link
            .ask(&prepared)
            .search(model, json!([[field, "!=", false]]), &[field, "name"])
            .await
            .map_err(|answer| anyhow::anyhow!("Odoo: {}", in_words(&answer)))?;
        found.extend(rows.iter().filter_map(|row| {
            Some(InOdoo {
                what,
                target: row[field].as_str()?.to_owned(),
                name: row["name"].as_str()?.to_owned(),
            })
        }));
    }
    Ok(found)
}
