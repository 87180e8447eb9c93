//! How each mishap is done to the world.

use std::path::Path;

use anyhow::Context as _;

use super::plan::Mishap;
use super::relay::End;
use super::world::{Happening, World};
use crate::odoo_sim::{Fault, Target, When};

impl World {
    pub(super) async fn goes_wrong(&mut self, mishap: Mishap) -> anyhow::Result<()> {
        self.note(format!("{mishap:?}"));
        let now = self.now;
        match mishap {
            Mishap::AgentKilled {
                site,
                after_commit,
                gone_ms,
            } => self.killed_next[site] = Some((after_commit, gone_ms)),
            Mishap::RelayKilled {
                commit,
                after_commit,
                gone_ms,
            } => {
                self.relay_gone_ms = gone_ms;
                self.relay.ends_at(End { commit, after_commit });
            }
            Mishap::Cut { site, gone_ms } => {
                self.links[site].cut_until = now + gone_ms;
                if let Some(line) = self.sites[site].life.as_ref().and_then(|life| life.line) {
                    self.at(now + 1, Happening::Closed { site, line });
                }
            }
            Mishap::Silent { site, gone_ms } => self.links[site].silent_until = now + gone_ms,
            Mishap::Doubled { site, for_ms } => self.links[site].doubled_until = now + for_ms,
            Mishap::Slow { site, for_ms } => self.links[site].slow_until = now + for_ms,
            Mishap::AnswersLost { site, count } => self.answers_lost[site] = count,
            Mishap::ClockJumps { site, by_ms } => self.sites[site].skew_ms += by_ms,
            Mishap::Restored { after_ms } => {
                // a copy is made of a database that nobody writes
                self.relay.life = None;
                self.close_all_lines();
                let copy = self.relay.database.with_extension("copy");
                std::fs::copy(&self.relay.database, &copy).context("put the database aside")?;
                self.at(now + 1, Happening::StartRelay);
                self.at(now + after_ms, Happening::PutBack(copy));
            }
            Mishap::PostingKilled { commit, after_commit } => {
                self.posting_ends.push(End { commit, after_commit });
            }
            Mishap::Forged { site } => self.forged_next[site] = true,
            Mishap::OdooSilent => {
                if let Some(odoo) = &self.odoo {
                    odoo.faults()
                        .on(Target::new("*", "load"), When::Nth(1), Fault::CommitThenHangUp);
                    odoo.faults().on(
                        Target::new("*", "action_post"),
                        When::Nth(1),
                        Fault::CommitThenHangUp,
                    );
                }
            }
            Mishap::OdooAway => {
                if let Some(odoo) = &self.odoo {
                    let away = Fault::Proxy {
                        status: 502,
                        retry_after: None,
                    };
                    odoo.faults().on(Target::any(), When::First(5), away);
                }
            }
        }
        Ok(())
    }
}

/// Puts a copy over a database that nobody has open.
pub(super) fn place_back(copy: &Path, database: &Path) -> anyhow::Result<()> {
    for beside in ["db-wal", "db-shm"] {
        let path = database.with_extension(beside);
        if path.exists() {
            std::fs::remove_file(path)?;
        }
    }
    std::fs::copy(copy, database).context("put the database back")?;
    Ok(())
}
