#![allow(clippy::unwrap_used, reason = "a test stops where it is surprised")]

use std::collections::BTreeSet;

use tillwire_relay_core::exception::ExceptionKind;

use super::*;

#[test]
fn page_names_every_figure_and_ends_properly() {
    let metrics = Metrics::default();
    metrics.records.inc_by(3);
    metrics
        .refusals
        .get_or_create(&ReasonLabel {
            reason: "Fork".to_owned(),
        })
        .inc();
    let page = metrics.page();
    assert!(page.contains("tillwire_relay_records_total 3"), "{page}");
    assert!(
        page.contains("tillwire_relay_refusals_total{reason=\"Fork\"} 1"),
        "{page}"
    );
    assert!(page.ends_with("# EOF\n"), "{page}");
}

const ALERTS: &str = include_str!("../../monitoring/alerts.yaml");
const GRAFANA: &str = include_str!("../../monitoring/grafana.json");
const RUNBOOK: &str = include_str!("../../monitoring/RUNBOOK.md");

/// Names of figures in a text, as a scrape gives them.
fn figures(text: &str) -> BTreeSet<&str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !fits(c))
        .filter(|word| word.starts_with("tillwire_relay_"))
        .collect()
}

#[test]
fn every_figure_that_a_rule_or_a_panel_asks_for_is_on_the_page() {
    let metrics = Metrics::default();
    let state = || StateLabel {
        state: "x".to_owned(),
    };
    for family in [&metrics.days, &metrics.exceptions, &metrics.effects] {
        family.get_or_create(&state()).set(1);
    }
    let reason = ReasonLabel {
        reason: "Fork".to_owned(),
    };
    metrics.refusals.get_or_create(&reason).inc();
    let store = StoreLabel {
        tenant: "acme".to_owned(),
        store: "s01".to_owned(),
    };
    metrics.backlog.get_or_create(&store).set(1);
    metrics.holds_out.get_or_create(&store).set(1);
    metrics.commit_seconds.observe(0.001);
    let page = metrics.page();
    let shown = figures(&page);
    let asked: BTreeSet<&str> = figures(ALERTS).union(&figures(GRAFANA)).copied().collect();
    assert!(asked.len() > 8, "{asked:?}");
    let unknown: Vec<_> = asked.difference(&shown).collect();
    assert!(
        unknown.is_empty(),
        "{unknown:?} are asked for, the page has {shown:?}"
    );
}

#[test]
fn every_alert_leads_to_a_section_of_the_runbook_and_names_kinds_that_exist() {
    let sections: BTreeSet<String> = RUNBOOK
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(|title| title.to_lowercase().replace(' ', "-"))
        .collect();
    let led_to: BTreeSet<String> = ALERTS
        .lines()
        .filter_map(|line| line.trim().strip_prefix("runbook: RUNBOOK.md#"))
        .map(str::to_owned)
        .collect();
    assert_eq!(led_to, sections);
    assert_eq!(ALERTS.matches("- alert: ").count(), sections.len());
    for kinds in ALERTS.split("exceptions{state=").skip(1) {
        let kinds = kinds.trim_start_matches('~').trim_start_matches('"');
        for kind in kinds.split('"').next().unwrap().split('|') {
            assert!(ExceptionKind::from_name(kind).is_some(), "{kind}");
        }
    }
    let panels: serde_json::Value = serde_json::from_str(GRAFANA).unwrap();
    assert!(
        panels["panels"]
            .as_array()
            .is_some_and(|panels| panels.len() == 10)
    );
}
