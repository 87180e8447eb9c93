//! `[heartland]` with a `url`: the retailer's account, asked from this box.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tillwire_agent_core::capture::heartland_retail::feed::Reads;
use tillwire_agent_core::settings::CloudSource;

use super::raw::Heartland;

/// The account's settings; `None` without a `url`.
pub(super) fn settings(raw: &Heartland) -> anyhow::Result<Option<CloudSource>> {
    let Some(url) = raw.url.clone() else {
        return Ok(None);
    };
    let token_file = raw.token_file.clone();
    let token_file =
        token_file.context("heartland.token_file is missing; heartland.url needs a token of that account")?;
    let every_s = raw.every_s.unwrap_or(15);
    ensure!(
        (1..=3_600).contains(&every_s),
        "heartland.every_s: found {every_s}, wanted 1 to 3600"
    );
    let asks_per_s = raw.asks_per_s.unwrap_or(2);
    ensure!(
        (1..=50).contains(&asks_per_s),
        "heartland.asks_per_s: found {asks_per_s}, wanted 1 to 50"
    );
    let reread_days = raw.reread_days.unwrap_or(3);
    ensure!(
        (1..=31).contains(&reread_days),
        "heartland.reread_days: found {reread_days}, wanted 1 to 31"
    );
    let reads = raw
        .reads
        .clone()
        .unwrap_or_else(|| BTreeSet::from([Reads::Tickets]));
    ensure!(
        !reads.is_empty(),
        "heartland.reads: found [], wanted \"tickets\", \"orders\" or both"
    );
    Ok(Some(CloudSource {
        lane: raw
            .lane
            .clone()
            .map_or_else(|| "heartland".parse().context("heartland.lane"), Ok)?,
        url,
        token_file,
        reads,
        every: Duration::from_secs(u64::from(every_s)),
        pace: Duration::from_secs(1) / u32::from(asks_per_s),
        overlap_s: raw.overlap_s.unwrap_or(300),
        reread_days,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<CloudSource>, String> {
        let raw: Heartland = toml::from_str(text).map_err(|error| error.to_string())?;
        settings(&raw).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn account_is_asked_where_a_url_says_so_and_what_is_wrong_names_itself() {
        assert_eq!(read("location_ids = [\"1\"]"), Ok(None));
        let asked = read("url = \"https://a.example\"\ntoken_file = \"/t\"")
            .unwrap()
            .unwrap();
        assert_eq!((asked.every.as_secs(), asked.pace.as_millis()), (15, 500));
        for (line, words) in [
            ("", "heartland.token_file is missing"),
            (
                "token_file = \"/t\"\nevery_s = 0",
                "heartland.every_s: found 0, wanted 1 to 3600",
            ),
            ("token_file = \"/t\"\nasks_per_s = 51", "found 51, wanted 1 to 50"),
            ("token_file = \"/t\"\nreread_days = 0", "found 0, wanted 1 to 31"),
            (
                "token_file = \"/t\"\nreads = []",
                "wanted \"tickets\", \"orders\" or both",
            ),
            ("token_file = \"/t\"\nreads = [\"receipts\"]", "tickets"),
        ] {
            let error = read(&format!("url = \"https://a.example\"\n{line}")).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
