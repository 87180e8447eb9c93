//! Acknowledgements of wires that can carry clear card data: given at this box, sealed with its key, checked at each start.

use std::fmt::Write as _;

use anyhow::{Context, bail};
use data_encoding::BASE64URL_NOPAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use tillwire_agent_core::capture::manifest::{Acknowledgement, Manifest, is_name};
use tillwire_agent_core::settings::Settings;
use tillwire_proto::{LaneId, Sign as _};

use crate::identity::DeviceKey;

/// What stands between a lane and its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Its wire carries no clear card data.
    NotNeeded,
    /// Somebody has acknowledged it: who and when.
    Given(String),
    /// Nobody has, or not at this box.
    Missing(&'static str),
}

/// Every lane with its adapter's manifest.
pub fn lanes(settings: &Settings) -> impl Iterator<Item = (&LaneId, Manifest)> {
    let http = settings.http.iter().map(|http| (&http.lane, Manifest::HTTP));
    let cloud = settings.cloud.iter().map(|cloud| (&cloud.lane, Manifest::CLOUD));
    let taps = settings
        .taps
        .iter()
        .map(|tap| (&tap.lane, tap.dialect.manifest()));
    let folders = settings.folders.iter();
    http.chain(cloud)
        .chain(taps)
        .chain(folders.map(|folder| (&folder.lane, Manifest::FOLDER)))
}

/// Where a lane stands.
#[must_use]
pub fn standing(settings: &Settings, key: &DeviceKey, lane: &LaneId, manifest: &Manifest) -> Standing {
    if manifest.clear.is_none() {
        return Standing::NotNeeded;
    }
    let mut any = false;
    let point = key.public_point();
    // a newer one may stand behind one that no longer holds: an old box's, an old adapter's
    for given in settings.acknowledged.iter().filter(|given| given.lane == *lane) {
        any = true;
        let statement = given.statement(&settings.store.tenant, &settings.store.store, manifest);
        let sealed = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &point);
        if sealed.verify(&statement, &given.seal).is_ok() {
            return Standing::Given(format!("acknowledged by {} on {}", given.by, given.date));
        }
    }
    Standing::Missing(if any {
        "its acknowledgement was given for something else, changed, or made on another box"
    } else {
        "nobody has acknowledged that"
    })
}

/// Refuses to start on a wire that can carry clear card data as long as nobody has acknowledged that.
///
/// # Errors
/// Names the lane, what its wire can carry, and what to do.
pub fn check(settings: &Settings, key: &DeviceKey) -> anyhow::Result<()> {
    for (lane, manifest) in lanes(settings) {
        if let (Standing::Missing(why), Some(clear)) =
            (standing(settings, key, lane, &manifest), manifest.clear)
        {
            bail!(
                "lane {lane} ({}) is on a wire that can carry clear card data ({clear}), and {why}; who is responsible \
                 runs `tillwire-agent acknowledge --lane {lane} --by NAME` on this box and puts what it prints into the \
                 configuration",
                manifest.adapter
            );
        }
    }
    Ok(())
}

/// The sealed acknowledgements of some lanes as they stand in the configuration.
///
/// # Errors
/// When a lane is not configured or needs none, the name is no name, or the key cannot sign.
pub fn give(
    settings: &Settings,
    key: &DeviceKey,
    wanted: &[LaneId],
    by: &str,
    date: &str,
) -> anyhow::Result<String> {
    if !is_name(by) {
        bail!("found the name {by:?}, wanted who acknowledges, on one line of at most 200 bytes");
    }
    let signer = key.signer()?;
    let mut text = String::new();
    for lane in wanted {
        let found = lanes(settings).find(|(known, _)| *known == lane);
        let (_, manifest) =
            found.with_context(|| format!("found lane {lane}, wanted one of the configuration"))?;
        if manifest.clear.is_none() {
            bail!(
                "lane {lane} ({}) needs no acknowledgement: its wire carries no clear card data",
                manifest.adapter
            );
        }
        let mut given = Acknowledgement {
            lane: lane.clone(),
            by: by.to_owned(),
            date: date.to_owned(),
            seal: Vec::new(),
        };
        let statement = given.statement(&settings.store.tenant, &settings.store.store, &manifest);
        given.seal = signer.sign(&statement).to_vec();
        let seal = BASE64URL_NOPAD.encode(&given.seal);
        let by = toml::Value::String(given.by);
        write!(
            text,
            "\n[[acknowledge]]\nlane = \"{lane}\"\nby = {by}\ndate = \"{date}\"\nseal = \"{seal}\"\n"
        )?;
    }
    Ok(text)
}

/// For people: each lane, what its wire can carry, and where it stands.
#[must_use]
pub fn table(settings: &Settings, key: Option<&DeviceKey>) -> String {
    let mut text = String::new();
    for (lane, manifest) in lanes(settings) {
        let standing = match (manifest.clear, key) {
            (None, _) => "no clear card data: needs no acknowledgement".to_owned(),
            (Some(_), None) => "cannot be acknowledged before this box is enrolled".to_owned(),
            (Some(_), Some(key)) => match standing(settings, key, lane, &manifest) {
                Standing::Given(words) => words,
                Standing::Missing(why) => format!("does not start: {why}"),
                Standing::NotNeeded => String::new(),
            },
        };
        // writing to a String cannot fail
        let _ = writeln!(
            text,
            "{lane}\n  adapter  {}\n  usual    {}",
            manifest.adapter, manifest.usual
        );
        if let Some(clear) = manifest.clear {
            let _ = writeln!(text, "  clear    {clear}");
        }
        let _ = writeln!(text, "  state    {standing}");
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    use super::*;

    const CONFIG: &str = r#"
        [agent]
        state_dir = "/nowhere"
        [store]
        tenant = "maple"
        store = "austin"
        currency = "USD"
        [[register]]
        id = "till-1"
        [[pax]]
        lane = "terminal-3"
        register = "till-1"
        terminal = "pax-1"
        listen = "127.0.0.1:1"
        connect = "127.0.0.1:2"
        [[hpa]]
        lane = "terminal-4"
        register = "till-1"
        terminal = "hpa-1"
        listen = "127.0.0.1:3"
        connect = "127.0.0.1:4"
    "#;

    fn read(text: &str) -> Settings {
        Config::read(text, "agent.toml", &|_| None).unwrap().settings
    }

    fn lane(name: &str) -> LaneId {
        LaneId::new(name).unwrap()
    }

    #[test]
    fn wire_with_clear_card_data_waits_for_an_acknowledgement() {
        let dir = tempfile::tempdir().unwrap();
        let key = DeviceKey::read_or_make(dir.path()).unwrap();
        let settings = read(CONFIG);
        let refused = check(&settings, &key).unwrap_err().to_string();
        assert!(
            refused.contains("lane terminal-3 (pax)") && refused.contains("acknowledge --lane terminal-3"),
            "{refused}"
        );

        let given = give(
            &settings,
            &key,
            &[lane("terminal-3")],
            "J. \"Doc\" Doe",
            "2026-11-26",
        )
        .unwrap();
        let with = read(&format!("{CONFIG}{given}"));
        check(&with, &key).unwrap();
        assert!(table(&with, Some(&key)).contains("acknowledged by J. \"Doc\" Doe on 2026-11-26"));
    }

    #[test]
    fn acknowledgement_counts_as_it_was_given_and_where_it_was_given() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let key = DeviceKey::read_or_make(dir.path()).unwrap();
        let settings = read(CONFIG);
        let given = give(&settings, &key, &[lane("terminal-3")], "J. Doe", "2026-11-26").unwrap();
        for (from, to) in [("J. Doe", "A. Nother"), ("2026-11-26", "2027-01-01")] {
            let changed = read(&format!("{CONFIG}{}", given.replace(from, to)));
            assert!(check(&changed, &key).is_err(), "{to}");
        }
        let elsewhere = read(&format!("{}{given}", CONFIG.replace("austin", "dallas")));
        assert!(check(&elsewhere, &key).is_err(), "another store");
        let upa = read(&format!("{}{given}", CONFIG.replace("[[pax]]", "[[upa]]")));
        assert!(check(&upa, &key).is_err(), "another adapter");
        let stranger = DeviceKey::read_or_make(other.path()).unwrap();
        assert!(
            check(&read(&format!("{CONFIG}{given}")), &stranger).is_err(),
            "another box"
        );
    }

    #[test]
    fn acknowledgement_given_anew_counts_behind_one_that_no_longer_holds() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (old, new) = (
            DeviceKey::read_or_make(dir.path()).unwrap(),
            DeviceKey::read_or_make(other.path()).unwrap(),
        );
        let settings = read(CONFIG);
        let of =
            |key: &DeviceKey| give(&settings, key, &[lane("terminal-3")], "J. Doe", "2026-11-26").unwrap();
        let both = read(&format!("{CONFIG}{}{}", of(&old), of(&new)));
        check(&both, &new).unwrap();
    }

    #[test]
    fn nothing_is_acknowledged_that_needs_no_acknowledgement() {
        let dir = tempfile::tempdir().unwrap();
        let key = DeviceKey::read_or_make(dir.path()).unwrap();
        let settings = read(CONFIG);
        for (name, by) in [
            ("terminal-4", "J. Doe"),
            ("terminal-9", "J. Doe"),
            ("terminal-3", " "),
        ] {
            assert!(
                give(&settings, &key, &[lane(name)], by, "2026-11-26").is_err(),
                "{name} {by}"
            );
        }
    }

    #[test]
    fn seal_that_is_no_seal_is_refused_with_its_name() {
        let text = format!(
            "{CONFIG}\n[[acknowledge]]\nlane = \"terminal-3\"\nby = \"x\"\ndate = \"2026-11-26\"\nseal = \"short\"\n"
        );
        let error = format!("{:#}", Config::read(&text, "agent.toml", &|_| None).unwrap_err());
        assert!(error.contains("acknowledge") && error.contains("seal"), "{error}");
    }
}
