//! Enrolment as two people do it: one at the relay invites, one at the box types the code, both compare the
//! fingerprint, the first accepts.

use std::ffi::OsString;
use std::io::Write as _;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use super::{Relay, Site, until};
use crate::program::Program;

const PATIENCE: Duration = Duration::from_secs(60);

impl Site {
    /// Makes this box a device of the store.
    ///
    /// # Errors
    /// When either side refuses; with its own words.
    pub async fn enroll(&self, tenant: &str, store: &str, relay: &Relay) -> anyhow::Result<()> {
        let device = format!("box-{store}");
        let invite = [
            "device", "invite", "--tenant", tenant, "--store", store, "--device", &device,
        ];
        let invited = relay.ask(&invite).await?;
        let code = invited["code"]
            .as_str()
            .with_context(|| format!("no code in {invited}"))?
            .to_owned();
        let url = format!("https://{}", relay.enrol);
        let words = [
            "enroll",
            "--relay",
            &url,
            "--code",
            &code,
            "--patience",
            "60",
            "--config",
        ];
        let mut args = self.program.args(words);
        args.push(self.config.clone().into());
        let binary = self.program.binary.clone();
        let asking = async {
            let run = tokio::task::spawn_blocking(move || Program::run_once(&binary, &args));
            run.await.context("wait for the agent's command")?.map(drop)
        };
        let accept = async {
            let waiting = until("the box asks for its certificate", PATIENCE, async || {
                let list = relay.ask(&["device", "list"]).await?;
                Ok(fingerprint(&list, &device))
            });
            let fingerprint = waiting.await?;
            relay.command(&["device", "accept", &fingerprint]).await?;
            anyhow::Ok(())
        };
        tokio::try_join!(asking, accept)?;
        self.acknowledge().await
    }

    /// Takes responsibility for the wires that can carry clear card data, as a security officer does at the box.
    async fn acknowledge(&self) -> anyhow::Result<()> {
        let run = async |words: Vec<OsString>| {
            let mut args = self.program.args(["acknowledge"]);
            args.extend(words);
            args.extend(["--config".into(), self.config.clone().into()]);
            let binary = self.program.binary.clone();
            let run = tokio::task::spawn_blocking(move || Program::run_once(&binary, &args));
            run.await.context("wait for the agent's command")?
        };
        let mut words: Vec<OsString> = vec!["--by".into(), "the story's security officer".into()];
        let mut lane = "";
        let table = run(Vec::new()).await?;
        for line in table.lines() {
            if line.contains("does not start") {
                words.extend(["--lane".into(), lane.into()]);
            } else if !line.starts_with(' ') {
                lane = line;
            }
        }
        if words.len() == 2 {
            return Ok(());
        }
        let sealed = run(words).await?;
        let mut config = std::fs::OpenOptions::new().append(true).open(&self.config)?;
        config
            .write_all(sealed.as_bytes())
            .context("add the acknowledgements")
    }
}

/// The fingerprint of a device that waits.
fn fingerprint(list: &Value, device: &str) -> Option<String> {
    let waiting = list["waiting"].as_array()?;
    let row = waiting.iter().find(|row| row["device"] == device)?;
    row["fingerprint"].as_str().map(str::to_owned)
}
