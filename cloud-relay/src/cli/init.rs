//! `init`: the first thing on a new machine.

use anyhow::{Context, Result, bail};

use super::{Common, load};
use crate::clock::Clock;
use crate::config::EXAMPLE;
use crate::pki::Pki;
use crate::run;

pub(super) fn init(common: &Common) -> Result<()> {
    if !common.config.exists() {
        if let Some(folder) = common.config.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        std::fs::write(&common.config, EXAMPLE)
            .with_context(|| format!("cannot write {}", common.config.display()))?;
        println!(
            "wrote {}; fill it in, then run `tillwire-relay init` again",
            common.config.display()
        );
        return Ok(());
    }
    let config = load(common)?;
    make_private(&config.state_dir)?;
    let keys = run::keys(&config);
    let pki = if keys.join("root.pem").exists() {
        Pki::open(&keys)?
    } else {
        if config.mqtt.names.is_empty() {
            bail!("mqtt.names: found none, wanted the names under which devices reach this relay");
        }
        Pki::init(&keys, &config.mqtt.names, Clock::system().now_ms())?
    };
    let store = run::open_store(&config, false)?;
    println!("relay        {}", store.relay());
    println!("database     {}", run::database(&config).display());
    println!(
        "keys         {} (back them up; devices trust them)",
        keys.display()
    );
    println!("root         {}", pki.root_fingerprint());
    println!("next         tillwire-relay doctor, tillwire-relay run, tillwire-relay device invite");
    Ok(())
}

/// A folder that only its owner reads.
fn make_private(folder: &std::path::Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    // its name is stable only when the folder above was synced
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty());
    let above = above.unwrap_or(std::path::Path::new("."));
    let synced = std::fs::File::open(above).and_then(|above| above.sync_all());
    synced.with_context(|| format!("cannot sync {}", above.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
            .with_context(|| format!("cannot close {} to others", folder.display()))?;
    }
    Ok(())
}
