//! `broker`: the files with which somebody else's MQTT broker stands between devices and this relay.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Subcommand;

use super::{Common, load};
use crate::broker::CLIENT_ID;
use crate::clock::Clock;
use crate::pki::Pki;
use crate::private_file;
use crate::run;

#[derive(Debug, Subcommand)]
pub(super) enum BrokerCommand {
    /// Write what a broker needs: its certificate, whom it may let in, and, as Mosquitto reads them, its configuration and
    /// the rules that keep each device to its own two topics. Again before the certificate's year is over.
    Prepare {
        /// A name or address under which devices reach the broker; may be given several times.
        #[arg(long = "name", required = true)]
        names: Vec<String>,
        /// The port that it listens on.
        #[arg(long, default_value_t = 8883)]
        port: u16,
        /// The folder to write to, as the broker will see it.
        #[arg(long)]
        out: PathBuf,
    },
}

pub(super) fn act(common: &Common, command: BrokerCommand) -> Result<()> {
    let BrokerCommand::Prepare { names, port, out } = command;
    let config = load(common)?;
    let pki = Pki::open(&run::keys(&config))?;
    let files = pki.broker_files(&names, Clock::system().now_ms())?;
    let folder = out.canonicalize().or_else(|_| {
        fs::create_dir_all(&out)?;
        out.canonicalize()
    });
    let folder = folder.with_context(|| format!("cannot make {}", out.display()))?;
    let Some(shown) = folder.to_str().filter(|path| !path.contains([' ', '\n'])) else {
        bail!(
            "found folder {}, wanted a path without spaces: Mosquitto's configuration cannot name it",
            folder.display()
        );
    };
    // for their owner only: one of them is a key, and none concerns others
    private_file::write(&folder.join("server.key"), files.server_key.as_bytes())?;
    private_file::write(&folder.join("server.pem"), files.server.as_bytes())?;
    private_file::write(&folder.join("clients.pem"), files.clients.as_bytes())?;
    private_file::write(&folder.join("rules.acl"), rules().as_bytes())?;
    private_file::write(&folder.join("mosquitto.conf"), mosquitto(shown, port).as_bytes())?;
    println!("wrote server.pem, server.key, clients.pem, rules.acl and mosquitto.conf to {shown}");
    println!("next         let the broker's user read them; mosquitto -c {shown}/mosquitto.conf");
    let name = names.first().map_or("", String::as_str);
    println!(
        "             broker.address = \"{name}:{port}\" in this relay's configuration, and start it again"
    );
    println!(
        "             boxes that are enrolled: relay.mqtt = \"{name}:{port}\" in theirs; new ones are told"
    );
    Ok(())
}

/// Each device says and hears its own two topics; the relay hears and says them all.
fn rules() -> String {
    format!(
        "# A device's user is its certificate's common name, RETAILER/DEVICE.\n\
         pattern write tillwire/v1/%u/up\n\
         pattern read tillwire/v1/%u/down\n\n\
         user {CLIENT_ID}\n\
         topic read tillwire/v1/+/+/up\n\
         topic write tillwire/v1/+/+/down\n"
    )
}

fn mosquitto(folder: &str, port: u16) -> String {
    format!(
        "# Nothing has to be kept here: agents forget a sale when the relay has signed for it, and not before.\n\
         persistence false\n\
         listener {port}\n\
         cafile {folder}/clients.pem\n\
         certfile {folder}/server.pem\n\
         keyfile {folder}/server.key\n\
         require_certificate true\n\
         use_identity_as_username true\n\
         allow_anonymous false\n\
         acl_file {folder}/rules.acl\n\
         retain_available false\n\
         max_packet_size 131072\n\
         max_inflight_messages 256\n\
         max_queued_messages 2000\n\
         set_tcp_nodelay true\n"
    )
}
