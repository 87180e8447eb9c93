use tillwire_proto::{CardBrand, Jurisdiction, Line, LineKind, Rate, TenderKind};
use tillwire_relay_core::settings::{AccountCode, ClosePolicy, RelaySettings, StoreDraft};

use crate::world::*;

fn refused(change: impl FnOnce(&mut StoreDraft)) -> String {
    let mut draft = draft_with("", "");
    change(&mut draft);
    draft.check().unwrap_err().to_string()
}

#[test]
fn a_wrong_value_names_its_key_what_was_found_and_wanted() {
    assert_eq!(
        refused(|draft| draft.time_zone = "Mars/Base".to_owned()),
        "time_zone: found \"Mars/Base\", wanted an IANA time zone such as America/Chicago"
    );
    assert_eq!(
        refused(|draft| draft.odoo.accounts.revenue = Some("40 00".into())),
        "odoo.accounts.revenue: found \"40 00\", wanted an account code of 1 to 64 characters without spaces"
    );
    assert!(refused(|draft| draft.currency = "XYZ".to_owned()).starts_with("currency: "));
    assert!(refused(|draft| draft.cut_off = "25:00".to_owned()).starts_with("cut_off: "));
    assert!(refused(|draft| draft.opening_float = Some("-1".to_owned())).starts_with("opening_float: "));
    assert!(
        refused(|draft| draft.over_short_limit = Some("1.005".to_owned())).starts_with("over_short_limit: ")
    );
    assert!(refused(|draft| draft.registers.clear()).starts_with("registers: "));
    assert!(refused(|draft| draft.registers.push(draft.registers[0].clone())).starts_with("registers: "));
    assert!(refused(|draft| draft.odoo.journal = " ".to_owned()).starts_with("odoo.journal: "));
}

#[test]
fn cash_must_have_an_account() {
    let error = refused(|draft| drop(draft.odoo.accounts.tender.remove("cash")));
    assert!(error.starts_with("odoo.accounts.tender.cash: "), "{error}");
}

#[test]
fn an_unknown_key_is_refused_by_name() {
    let text = serde_json::to_string(&draft_with("", ""))
        .unwrap()
        .replacen("\"name\"", "\"nmae\"", 1);
    let error = serde_json::from_str::<StoreDraft>(&text).unwrap_err().to_string();
    assert!(error.contains("nmae"), "{error}");
}

#[test]
fn a_tax_is_found_by_rate_before_jurisdiction() {
    let settings = settings();
    let state = Jurisdiction::new("CA State").unwrap();
    let at = |millionths| {
        let found = settings
            .mapping_on(day())
            .tax(&state, Some(Rate::from_millionths(millionths)));
        found.unwrap().account.as_str().to_owned()
    };
    assert_eq!((at(10_000).as_str(), at(72_500).as_str()), ("220102", "220101"));
    assert!(
        settings
            .mapping_on(day())
            .tax(&Jurisdiction::new("Narnia").unwrap(), None)
            .is_none()
    );
    assert_eq!(settings.odoo.mappings.odoo_taxes(), ["City 1%"]);
}

#[test]
fn a_rate_that_is_none_is_refused_under_its_key() {
    let error = refused(|draft| {
        let any = draft.odoo.accounts.tax["CA State"].clone();
        draft.odoo.accounts.tax.insert("CA State@high".to_owned(), any);
    });
    assert!(error.starts_with("odoo.accounts.tax.CA State@high: "), "{error}");
}

#[test]
fn tenders_fall_back_from_brand_to_card_and_gift_card_to_liability() {
    let settings = settings();
    let mapping = settings.mapping_on(day());
    let code = |kind: TenderKind, brand| {
        let found = mapping.tender(&kind, brand);
        found.map(|to| to.account.as_str().to_owned())
    };
    assert_eq!(
        code(TenderKind::Card, Some(CardBrand::Visa)).as_deref(),
        Some("101711")
    );
    assert_eq!(
        code(TenderKind::Card, Some(CardBrand::Amex)).as_deref(),
        Some("101710")
    );
    assert_eq!(code(TenderKind::GiftCard, None).as_deref(), Some("230001"));
    assert_eq!(code(TenderKind::StoreCredit, None), None);
    let shipping = Line {
        kind: LineKind::Shipping,
        ..item("A1", 1, 500)
    };
    assert_eq!(mapping.line(&shipping), mapping.line(&item("A1", 1, 500)));
}

#[test]
fn every_account_is_listed_once_for_preflight() {
    let settings = settings();
    let all = settings.odoo.mappings.accounts();
    let mut once = all.clone();
    once.dedup();
    assert_eq!(all.len(), once.len());
    assert!(all.contains(&&AccountCode::new("600001").unwrap()));
}

#[test]
fn a_store_is_there_once() {
    let both = RelaySettings::new([settings(), settings()]);
    assert!(both.unwrap_err().to_string().contains("acme/s01"));
    let one = RelaySettings::new([settings()]).unwrap();
    assert!(one.store(&settings().tenant, &settings().store).is_some());
    assert_eq!(one.iter().count(), 1);
}

#[test]
fn the_close_policy_reads_as_written() {
    let draft: ClosePolicy = serde_json::from_str(r#"{"required": 15}"#).unwrap();
    assert_eq!(draft, ClosePolicy::Required(15));
    assert_eq!(ClosePolicy::default().grace_minutes(), 60);
}

#[test]
fn a_merchant_number_belongs_to_one_store() {
    let numbered = |store: &str, numbers: &str| {
        let mut draft = draft_with(&format!(r#", "merchants": [{numbers}]"#), "");
        draft.store = tillwire_proto::StoreId::new(store).unwrap();
        draft.check()
    };
    let one = numbered("s01", r#""101023947262""#).unwrap();
    let other = numbered("s02", r#""101023947262""#).unwrap();
    let error = RelaySettings::new([one.clone(), other]).unwrap_err().to_string();
    assert_eq!(
        error,
        "merchants: found \"101023947262\", wanted each number at one store"
    );
    let found = RelaySettings::new([one.clone()]).unwrap();
    assert_eq!(
        found.of_merchant(&one.tenant, &one.merchants[0]).unwrap().store,
        one.store
    );
    assert_eq!(
        numbered("s01", r#""4111 1111""#).unwrap_err().to_string(),
        "merchants: found \"4111 1111\", wanted a merchant number such as 101023947262"
    );
}
