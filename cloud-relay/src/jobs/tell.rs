//! What people are told about Odoo: exceptions raised by the jobs, and taken back when their cause is gone.

use tillwire_proto::StoreId;
use tillwire_relay_core::exception::{CauseKey, ExceptionDraft, ExceptionKind};
use tillwire_relay_core::odoo::{Difference, Effect, EffectState, Refusal};

use super::link::Company;
use crate::odoo::preflight::{Report, Severity};
use crate::store::effects::StoredEffect;
use crate::store::exceptions::{self, Filter, Source};
use crate::store::{Store, StoreError};

/// Raises what stops a company or a store, and takes back what does not any more. What could not be looked at, because
/// Odoo did not answer, stays as it was.
pub(super) async fn preflight(store: &Store, company: &Company, report: &Report) -> Result<(), StoreError> {
    let Some(first) = company.stores.first() else {
        return Ok(());
    };
    let raised: Vec<ExceptionDraft> = report
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Stop)
        .map(|finding| {
            let at = finding.store.as_ref().unwrap_or(&first.store);
            // how a connection failed changes from one time to the next; that it failed is one exception
            let what = if report.complete {
                finding.what.as_str()
            } else {
                ""
            };
            let cause = preflight_cause(company, at, &[&finding.code, &what]);
            let detail = format!("{}; {}", finding.what, finding.mend);
            ExceptionDraft::new(ExceptionKind::OdooRejected, &company.tenant, at, cause, detail)
        })
        .collect();
    let (complete, now_ms) = (report.complete, store.clock().now_ms());
    let stores: Vec<StoreId> = company
        .stores
        .iter()
        .map(|settings| settings.store.clone())
        .collect();
    let (tenant, company) = (company.tenant.clone(), company.clone());
    store
        .write(move |unit| {
            for draft in &raised {
                exceptions::raise(unit, Source::Odoo, draft, now_ms)?;
            }
            if !complete {
                return Ok(());
            }
            for at in stores {
                let prefix = preflight_cause(&company, &at, &[]);
                let filter = Filter {
                    store: Some((tenant.clone(), at)),
                    ..Filter::default()
                };
                for open in exceptions::list(unit.db, &filter)? {
                    let gone = raised.iter().all(|draft| draft.cause != open.draft.cause);
                    if gone && open.draft.cause.as_str().starts_with(prefix.as_str()) {
                        exceptions::close(
                            unit,
                            open.id,
                            exceptions::BY_RELAY,
                            "preflight no longer finds it",
                            now_ms,
                        )?;
                    }
                }
            }
            Ok(())
        })
        .await
}

fn preflight_cause(company: &Company, store: &StoreId, parts: &[&dyn std::fmt::Display]) -> CauseKey {
    let mut all: Vec<&dyn std::fmt::Display> = vec![&"preflight", store, &company.name];
    all.extend_from_slice(parts);
    CauseKey::new(ExceptionKind::OdooRejected, &all)
}

/// What a person must see of an effect that has ended; nothing when all is as meant.
pub(super) fn ended(stored: &StoredEffect, effect: &Effect, refusal: Option<Refusal>) -> Vec<ExceptionDraft> {
    if effect.state == EffectState::Rejected {
        return vec![rejected(stored, effect, refusal)];
    }
    let is_tax = |difference: &&Difference| matches!(difference, Difference::Tax { .. });
    let (taxes, others): (Vec<&Difference>, Vec<&Difference>) = effect.differences.iter().partition(is_tax);
    let told = [
        (
            ExceptionKind::LockedPeriod,
            others,
            "Odoo's lock dates did not allow the business day; tell the accountant which month holds it",
        ),
        (
            ExceptionKind::TaxDiffers,
            taxes,
            "the invoice has the POS's amount, with a line for the difference; compare rate and rounding of the tax in \
             Odoo with the POS's",
        ),
    ];
    told.into_iter()
        .filter(|(_, found, _)| !found.is_empty())
        .map(|(kind, found, words)| {
            let detail = format!("{}: {}; {words}", named(stored, effect), in_words(found));
            draft(kind, CauseKey::new(kind, &[&effect.key]), stored, effect, detail)
        })
        .collect()
}

fn rejected(stored: &StoredEffect, effect: &Effect, refusal: Option<Refusal>) -> ExceptionDraft {
    // a refusal to confirm leaves an entry that is as meant, but not confirmed
    let kind = if effect.differences.is_empty() || refusal.is_some() {
        ExceptionKind::OdooRejected
    } else {
        ExceptionKind::OdooChanged
    };
    let detail = format!(
        "{}: {}{}; {}",
        named(stored, effect),
        effect.reason.as_deref().unwrap_or("no reason given"),
        bracketed(&effect.differences),
        mend(kind, refusal, &effect.differences)
    );
    draft(kind, CauseKey::new(kind, &[&effect.key]), stored, effect, detail)
}

/// Every cause under which [`ended`] raises something about an effect.
pub(super) fn causes(effect: &Effect) -> Vec<String> {
    let kinds = [
        ExceptionKind::LockedPeriod,
        ExceptionKind::TaxDiffers,
        ExceptionKind::OdooRejected,
        ExceptionKind::OdooChanged,
    ];
    kinds
        .into_iter()
        .map(|kind| CauseKey::new(kind, &[&effect.key]).as_str().to_owned())
        .collect()
}

/// A done effect that somebody has changed in Odoo since. The cause names what differs, so that a further change is a
/// further exception.
pub(super) fn changed(stored: &StoredEffect, differences: &[Difference]) -> ExceptionDraft {
    let effect = &stored.effect;
    let what = in_words(differences);
    let cause = format!("{}{what}", changed_prefix(effect));
    let detail = format!(
        "{}: {what}; somebody changed it in Odoo; put it back there, or acknowledge and book the difference",
        named(stored, effect),
    );
    draft(
        ExceptionKind::OdooChanged,
        CauseKey::from_stored(cause),
        stored,
        effect,
        detail,
    )
}

/// How the causes of [`changed`] begin for an effect.
pub(super) fn changed_prefix(effect: &Effect) -> String {
    CauseKey::new(ExceptionKind::OdooChanged, &[&effect.key, &"since", &""])
        .as_str()
        .to_owned()
}

fn draft(
    kind: ExceptionKind,
    cause: CauseKey,
    stored: &StoredEffect,
    effect: &Effect,
    detail: String,
) -> ExceptionDraft {
    let mut draft = ExceptionDraft::new(kind, &stored.tenant, &stored.store, cause, detail);
    draft.day = stored.day;
    match effect.payload.worth() {
        Some(worth) => draft.risking(worth),
        None => draft,
    }
}

fn named(stored: &StoredEffect, effect: &Effect) -> String {
    let what = effect.payload.title();
    match (&stored.odoo_name, effect.document) {
        (Some(name), _) => format!("{what} ({name})"),
        (None, Some(id)) => format!("{what} (id {id})"),
        (None, None) => what,
    }
}

fn in_words<'a>(differences: impl IntoIterator<Item = &'a Difference>) -> String {
    let words: Vec<String> = differences.into_iter().map(ToString::to_string).collect();
    words.join(", ")
}

fn bracketed(differences: &[Difference]) -> String {
    if differences.is_empty() {
        String::new()
    } else {
        format!(" ({})", in_words(differences))
    }
}

fn mend(kind: ExceptionKind, refusal: Option<Refusal>, differences: &[Difference]) -> &'static str {
    if differences.contains(&Difference::Gone) {
        return "find out who deleted it and why; a retry makes it again";
    }
    match (kind, refusal) {
        (ExceptionKind::OdooChanged, _) => {
            "put it right in Odoo (or delete it, if it is a draft), then retry"
        }
        (_, Some(Refusal::Missing)) => {
            "something that it names is not in Odoo; run doctor, mend that, then retry"
        }
        (_, Some(Refusal::Call)) => "this version of Odoo does not take the call; run doctor and report it",
        (_, Some(Refusal::TooLarge)) => "raise the size limit of Odoo or its proxy, then retry",
        (_, Some(Refusal::Row)) => "mend in Odoo what the words name (account, product or tax), then retry",
        (_, Some(Refusal::Dialog)) => "open it in Odoo, see what it asks, settle that, then retry",
        _ => "mend in Odoo what its words name, then retry",
    }
}
